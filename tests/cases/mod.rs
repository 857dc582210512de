//! The conformance table: what the kernel does with a signal, experiment by
//! experiment, and what sigwhy must say about it.
//!
//! A case is one entry of [`cases!`]: a name, a sentence, and a body that makes
//! the processes, does the thing, and lists the records it must leave. The body
//! also says what became of the processes, so that the table itself is held to
//! the kernel. Where kernels differ, a case asks the kernel (a probe), never its
//! version.

pub mod cgroup;
mod cgroups;
mod delivery;
mod dying;
mod from_inside;
mod from_kernel;
mod from_outside;
pub mod machine;
mod oom;
mod scene;
mod threads;
mod whole;
mod zaps;

/// Defines cases; each is a test of the same name.
macro_rules! cases {
    ($($(#[$attribute:meta])* $name:ident $about:literal |$scene:ident| $body:block)+) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() -> anyhow::Result<()> {
            super::scene::run($about, |$scene| {
                $body
                Ok(())
            })
        }
    )+};
}
use cases;
