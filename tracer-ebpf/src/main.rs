//! The kernel side of sigwhy: it records facts about signals and decides
//! nothing beyond what filtering needs.
//!
//! One object holds every program; each is loaded by itself, so a hook that the
//! running kernel lacks fails alone. [`probes`] has one file per topic: a shell
//! per attach type around one shared body. [`kernel`] is the only code that
//! follows kernel pointers.
#![no_std]
#![no_main]
// For the one atomic add in `emit`.
#![feature(asm_experimental_arch)]

mod emit;
mod filter;
mod kernel;
mod maps;
mod probes;

/// A loop on purpose: the verifier refuses it, so a panic that the compiler
/// could not rule out is found when the program is loaded, and not turned into
/// undefined behaviour.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Helpers that only GPL programs may call (`bpf_probe_read_kernel`) ask for
/// this; "Dual MIT/GPL" is one of the licences that the kernel accepts.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
