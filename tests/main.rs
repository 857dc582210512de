//! Integration tests: they run the real binary against the real kernel, as
//! root (PID namespaces and BPF both ask for it).

mod arena;
mod cases;
mod cli;
mod docs;
mod episodes;
#[expect(dead_code, reason = "the kernel fuzzer uses the rest of it")]
mod harness;
mod lab;
