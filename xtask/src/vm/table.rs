//! All columns beside each other, as a document: `vm test --report`.

use std::fmt::Write as _;

use super::column::{Column, Verdict, seconds};

/// A kernel judged by its image alone.
pub struct Image {
    pub kernel: String,
    /// What `sigwhy doctor --btf` said, in a line, and whether it can trace.
    pub verdict: String,
    pub can_trace: bool,
}

/// The report.
#[derive(Default)]
pub struct Table {
    /// In the order of the test binary's own list.
    pub tests: Vec<String>,
    pub columns: Vec<Column>,
    pub images: Vec<Image>,
}

impl Table {
    /// The cases that no column has run: one that is skipped everywhere is none.
    /// Other tests may need what a machine need not have (a shell, a locale).
    pub fn ran_nowhere(&self) -> Vec<&str> {
        const CASES: &str = "cases::";
        let ran = |name: &&String| {
            self.columns
                .iter()
                .any(|column| column.get(name) == Verdict::Ok)
        };
        let cases = self.tests.iter().filter(|name| name.starts_with(CASES));
        let nowhere = cases.filter(|name| !ran(name));
        nowhere.map(String::as_str).collect()
    }

    /// The images and columns that are not as they should be.
    pub fn bad(&self) -> Vec<String> {
        let images = self.images.iter().filter(|image| !image.can_trace);
        let columns = self.columns.iter();
        let columns = columns.filter(|column| !column.passed(&self.tests));
        images
            .map(|image| format!("image of {}", image.kernel))
            .chain(columns.map(Column::label))
            .collect()
    }

    /// The document.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "# The same truth on every kernel, by every way to attach\n\n\
             Written by `cargo xtask test --report docs/matrix.md`, which plays in guests what depends on the kernel \
             ([vm.md](vm.md));\n`cargo xtask vm test --report FILE` plays all there. `here` is the \
             machine that ran it.\nA column is one run of the suite with the real tracer attached in that way and \
             no other; the best way is\ntaken for the hooks that are not named.\n",
        );
        self.runs_of_all(&mut text);
        self.judged_by_image(&mut text);
        self.instructions(&mut text);
        self.cases(&mut text);
        text
    }

    fn runs_of_all(&self, text: &mut String) {
        text.push_str(
            "\n## Runs\n\nSeconds are the guest's own, emulated, several guests at a time. In \
             brackets: random experiments\n(`cargo xtask fuzz-kernel`) whose outcome the model had to tell as the kernel \
             did.\n\n\
             | kernel/way | package | hooks | boot | suite | fuzz | passed | skipped | failed |\n\
             |---|---|---|---|---|---|---|---|---|\n"
        );
        for column in &self.columns {
            let count = |wanted: fn(&Verdict) -> bool| column.named(&self.tests, wanted).len();
            let hooks: Vec<String> = column
                .hooks
                .iter()
                .map(|(hook, way)| format!("{hook} {way}"))
                .collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} ({}) | {} | {} | {} |",
                column.label(),
                column.version,
                hooks.join(", "),
                seconds(column.boot),
                seconds(column.suite),
                seconds(column.fuzz),
                column.runs,
                count(|verdict| *verdict == Verdict::Ok),
                count(|verdict| matches!(verdict, Verdict::Skipped(_))),
                count(Verdict::is_bad),
            );
        }
    }

    fn judged_by_image(&self, text: &mut String) {
        if self.images.is_empty() {
            return;
        }
        text.push_str(
            "\n## Judged without a boot\n\n`sigwhy doctor --btf vmlinux` for each kernel's image: every field and every \
             prototype that sigwhy relies on.\n\n| kernel | verdict |\n|---|---|\n",
        );
        for image in &self.images {
            let _ = writeln!(text, "| {} | {} |", image.kernel, image.verdict);
        }
    }

    /// One column of a kernel is enough: every program is loaded by each.
    fn instructions(&self, text: &mut String) {
        let mut kernels: Vec<&Column> = Vec::new();
        for column in &self.columns {
            let known = kernels.iter().any(|known| known.kernel == column.kernel);
            if !known && !column.programs.is_empty() {
                kernels.push(column);
            }
        }
        let mut names: Vec<&str> = Vec::new();
        for program in kernels.iter().flat_map(|column| &column.programs) {
            if !names.contains(&program.name.as_str()) {
                names.push(&program.name);
            }
        }
        if names.is_empty() {
            return;
        }
        text.push_str(
            "\n## Programs\n\nInstructions that the verifier walked with every filter on (of the million that it allows) / \
             bytes of the program\nafter it. Kernels before 5.16 do not tell the first. An empty cell is a program that \
             this kernel refuses, or that is\nnot for it. `tests/cli/instructions.rs` holds the limits.\n\n| program |",
        );
        for column in &kernels {
            let _ = write!(text, " {} |", column.kernel);
        }
        text.push_str("\n|---|");
        text.push_str(&"---:|".repeat(kernels.len()));
        text.push('\n');
        for name in names {
            let _ = write!(text, "| {name} |");
            for column in &kernels {
                let found = column.programs.iter().find(|program| program.name == name);
                let cell = found.map(|p| format!("{} / {}", p.verified, p.xlated));
                let _ = write!(text, " {} |", cell.unwrap_or_default());
            }
            text.push('\n');
        }
    }

    fn cases(&self, text: &mut String) {
        text.push_str("\n## Tests\n\nA number stands for the reason below the table.\n\n| test |");
        for column in &self.columns {
            let _ = write!(text, " {} |", column.label().replace('/', " "));
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(self.columns.len()));
        text.push('\n');
        let mut reasons: Vec<String> = Vec::new();
        for name in &self.tests {
            let _ = write!(text, "| {name} |");
            for column in &self.columns {
                let cell = match column.get(name) {
                    Verdict::Ok => "ok".to_owned(),
                    Verdict::Failed => "**FAILED**".to_owned(),
                    Verdict::Missing => "**missing**".to_owned(),
                    Verdict::Skipped(why) => footnote(&mut reasons, why),
                };
                let _ = write!(text, " {cell} |");
            }
            text.push('\n');
        }
        if !reasons.is_empty() {
            text.push_str(
                "\nWhy a test could not be played there, while another column plays it:\n\n",
            );
        }
        for (at, reason) in reasons.iter().enumerate() {
            let _ = writeln!(text, "{}. {reason}", at + 1);
        }
    }
}

fn footnote(reasons: &mut Vec<String>, why: String) -> String {
    let at = reasons.iter().position(|known| *known == why);
    let at = at.unwrap_or_else(|| {
        reasons.push(why);
        reasons.len() - 1
    });
    format!("({})", at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kernel: &str, lines: &[&str]) -> Column {
        let mut column = Column::new(kernel, "a package", "fentry", 1, 300);
        column.suite_code = Some(0);
        lines.iter().for_each(|line| column.see(line));
        column
    }

    #[test]
    fn every_cell_is_explained() {
        let table = Table {
            tests: vec!["a".into(), "cases::b".into()],
            columns: vec![
                column(
                    "5.10",
                    &["test a ... ok", "fact skip\tcases::b\tno such thing"],
                ),
                column("6.1", &["fact insns\tp\t10\t80", "test a ... FAILED"]),
            ],
            ..Table::default()
        };
        let text = table.markdown();
        let end = "| test | 5.10 fentry | 6.1 fentry |\n|---|---|---|\n| a | ok | **FAILED** |\n\
                   | cases::b | (1) | **missing** |\n\n\
                   Why a test could not be played there, while another column plays it:\n\n1. no such thing\n";
        assert!(text.ends_with(end), "{text}");
        assert!(
            text.contains("| program | 6.1 |\n|---|---:|\n| p | 10 / 80 |\n"),
            "{text}"
        );
        assert_eq!(table.ran_nowhere(), ["cases::b"]);
        assert_eq!(table.bad(), ["6.1/fentry"]);
    }

    #[test]
    fn a_kernel_that_is_judged_badly_fails_without_a_boot() {
        let table = Table {
            images: vec![Image {
                kernel: "8.0".into(),
                verdict: "cannot trace".into(),
                can_trace: false,
            }],
            ..Table::default()
        };
        assert_eq!(table.bad(), ["image of 8.0"]);
        assert!(table.markdown().contains("| 8.0 | cannot trace |"));
    }
}
