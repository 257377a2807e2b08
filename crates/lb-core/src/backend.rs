//! One backend as a whole: its servers' health and admin states, and the balancing table that follows from them.
