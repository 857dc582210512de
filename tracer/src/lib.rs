//! sigwhy: says for every signal whether the kernel dropped it, and why.
//!
//! Data flows one way, and no import runs back:
//! kernel facts ([`kernel`]) -> decode ([`capture`]) -> decide ([`decide`]) ->
//! record ([`record`]) -> output ([`output`]). [`cli`] holds one file per
//! subcommand; [`lab`] makes the demonstration containers.

pub mod cli;
pub mod doctor;
pub mod kernel;
pub mod lab;
