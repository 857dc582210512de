//! Kernels judged by their images, before any is booted: `sigwhy doctor --btf`.

use super::kernels::Kernel;
use super::matrix::Matrix;
use super::table::Image;
use crate::failure::{Context as _, Result};

impl Matrix<'_> {
    /// Judges each kernel by its image, before any is booted.
    pub fn images(&mut self, kernels: &[Kernel]) -> Result<()> {
        for kernel in kernels {
            let mut doctor = self.ws.command(&self.binaries.sigwhy);
            doctor.args(["doctor", "--color", "never", "--btf"]);
            let output = doctor
                .arg(&kernel.elf)
                .output()
                .context(|| "cannot run sigwhy".into())?;
            let image = Image {
                kernel: kernel.label.clone(),
                verdict: verdict_of_doctor(&String::from_utf8_lossy(&output.stdout)),
                can_trace: output.status.success(),
            };
            eprintln!("xtask: image of {}: {}", image.kernel, image.verdict);
            self.table.images.push(image);
        }
        Ok(())
    }
}

/// What is not quite right, and the last line, which sums up.
fn verdict_of_doctor(text: &str) -> String {
    let mut words: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| {
            ["INFO", "WARN", "FAIL"]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect();
    words.extend(text.lines().last().map(str::trim));
    let spaced = words.iter().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ")
    });
    spaced.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doctors_words_fit_a_cell() {
        let text = "Hooks\n  OK    a   fine\n  INFO  kernel fields   one (x)\nsigwhy can trace\n";
        let expected = "INFO kernel fields one (x); sigwhy can trace";
        assert_eq!(verdict_of_doctor(text), expected);
        assert_eq!(verdict_of_doctor(""), "");
    }
}
