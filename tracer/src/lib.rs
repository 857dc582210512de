//! sigwhy: says for every signal whether the kernel dropped it, and why.
//!
//! Data flows one way, and no import runs back:
//! kernel facts ([`kernel`]) -> [`decode`] -> [`decide`] -> [`record`] ->
//! [`assemble`] (facts in, records out) -> [`episode`] (one termination, told
//! whole) -> [`diagnosis`] (what was wrong with it) -> [`output`]. [`flight`] stands before
//! an output and lets through what is worth it; [`import`] makes records of other tracers' text. [`capture`] is the loop
//! that drives it live. [`container`] knows what containers are called, and
//! [`snapshot`] what runs now; on it stand [`waits`] (why something does not end)
//! and [`audit`] (what a stop would do). [`cli`] holds one file per subcommand; [`lab`]
//! makes the demonstration containers; [`explain`] asks the model about signals that nobody
//! has sent; [`doctor`] judges a machine, and [`trouble`] has a page for each thing that
//! may be in the way.

pub mod assemble;
pub mod audit;
pub mod capture;
pub mod cli;
pub mod container;
pub mod decide;
pub mod decode;
pub mod diagnosis;
#[cfg(test)]
mod docs;
pub mod doctor;
pub mod episode;
pub mod explain;
pub mod flight;
pub mod import;
pub mod kernel;
pub mod lab;
pub mod output;
pub mod record;
pub mod report;
pub mod selection;
pub mod snapshot;
pub mod store;
pub mod trouble;
pub mod view;
pub mod waits;
