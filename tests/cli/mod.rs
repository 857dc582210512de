//! The command line as a user meets it: the real binary, its standard output,
//! its standard error and its exit code.
//!
//! The machine is never quiet: other tests make signals at the same time. So a
//! test looks for the records of its own processes, and holds ALL records to
//! the filter that it has set.

mod audit;
pub mod cgroup;
mod doctor;
mod endings;
mod errors;
mod explain;
mod filters;
mod flight;
pub mod fuse;
mod import;
mod instructions;
mod json;
mod latency;
pub mod live;
pub mod names;
mod pods;
mod pressure;
mod ps;
mod record;
mod report;
mod report_page;
mod run;
mod rungs;
mod sockets;
mod story;
mod text;
mod why;
mod why_watch;
