//! The programs, one file per topic: a shell per attach type around one shared
//! body. The first 15 bytes of each name are what the kernel shows.

mod cgroup;
mod lifecycle;
mod oom;
mod permission;
mod signal_deliver;
mod signal_generate;
mod zap;
