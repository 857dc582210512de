//! Columns that grow with what they hold, up to a bound, and colours.

use anstyle::{AnsiColor, Style};

use crate::decide::{Outcome, Reason};

/// A padded column.
#[derive(Debug, Clone, Copy)]
pub enum Cell {
    Container,
    Signal,
    Route,
    Outcome,
}

/// Characters beyond which a column does not grow; what is longer still is
/// printed whole, and only its own line is out of step.
const BOUNDS: [usize; 4] = [40, 11, 64, 11];

/// The widths so far.
#[derive(Debug, Default)]
pub struct Columns([usize; 4]);

impl Columns {
    /// Appends a cell and the gap behind it. `shown` is `text` with its colours.
    pub fn push(&mut self, line: &mut String, cell: Cell, text: &str, shown: &str) {
        let index = cell as usize;
        let length = text.chars().count();
        self.0[index] = self.0[index].max(length.min(BOUNDS[index]));
        line.push_str(shown);
        let padding = self.0[index].saturating_sub(length) + 2;
        line.extend(std::iter::repeat_n(' ', padding));
    }
}

/// Puts colours around a text, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// The text in a style.
    pub fn style(self, style: Style, text: &str) -> String {
        if self.0 {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// What is looked for.
    pub fn bold(self, text: &str) -> String {
        self.style(Style::new().bold(), text)
    }

    /// What is there for completeness.
    pub fn faint(self, text: &str) -> String {
        self.style(Style::new().dimmed(), text)
    }

    /// What is bad news.
    pub fn bad(self, text: &str) -> String {
        self.style(AnsiColor::Red.on_default().bold(), text)
    }

    /// A word about an outcome.
    pub fn outcome(self, outcome: Outcome, reason: Reason, text: &str) -> String {
        let color = match outcome {
            _ if reason == Reason::ModelDisagrees => AnsiColor::Magenta,
            Outcome::Dropped | Outcome::Failed => AnsiColor::Yellow,
            Outcome::Fatal => AnsiColor::Red,
            Outcome::Queued | Outcome::Handled => AnsiColor::Green,
            Outcome::Coalesced | Outcome::Ignored => AnsiColor::Cyan,
            Outcome::Stopped => AnsiColor::Blue,
        };
        self.style(color.on_default().bold(), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_grows_to_its_bound_and_no_further() {
        let mut columns = Columns::default();
        let mut put = |text: &str| {
            let mut line = String::new();
            columns.push(&mut line, Cell::Signal, text, text);
            line
        };
        assert_eq!(put("SIGHUP"), "SIGHUP  ");
        assert_eq!(put("SIGTERM"), "SIGTERM  ");
        assert_eq!(put("SIGHUP"), "SIGHUP   ");
        assert_eq!(put("SIGNAL-OF-THE-FUTURE"), "SIGNAL-OF-THE-FUTURE  ");
        assert_eq!(put("SIGHUP"), "SIGHUP       ");
    }
}
