//! The lines others read: the tcplog line and the texts of server state changes, byte for byte as HAProxy writes them.
