//! The line a connection leaves behind (`option tcplog`).
