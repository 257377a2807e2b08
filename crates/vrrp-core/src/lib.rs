//! Everything the VRRP router decides: packets, instance, groups, tracking, gratuitous ARP.
