//! The path through the kernel's tests, for `-v` and for teaching.
//!
//! A walk that is off costs a branch and no allocation.

/// One test on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The kernel function.
    pub function: &'static str,
    /// The test, as the kernel's source has it.
    pub test: &'static str,
    /// What it came to.
    pub holds: bool,
    /// The values of this event.
    pub values: String,
}

/// Collects steps, or does nothing.
#[derive(Debug, Default)]
pub struct Walk(Option<Vec<Step>>);

impl Walk {
    /// A walk that keeps nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// A walk that keeps its steps.
    pub fn on() -> Self {
        Self(Some(Vec::new()))
    }

    /// Notes a test and returns what it came to.
    pub fn test(
        &mut self,
        function: &'static str,
        test: &'static str,
        holds: bool,
        values: impl FnOnce() -> String,
    ) -> bool {
        if let Some(steps) = &mut self.0 {
            steps.push(Step {
                function,
                test,
                holds,
                values: values(),
            });
        }
        holds
    }

    /// The steps, in order; none where the walk is off.
    pub fn into_steps(self) -> Vec<Step> {
        self.0.unwrap_or_default()
    }
}
