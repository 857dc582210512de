//! Integration tests: they run the real binary against the real kernel, as
//! root (PID namespaces and BPF both ask for it).

mod arena;
mod cases;
mod harness;
mod lab;
