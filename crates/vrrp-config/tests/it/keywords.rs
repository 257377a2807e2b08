//! Each keyword: what it sets, and how its mistakes are reported.
