//! Episodes, told beside the records that they are made of.

use tokio::time::{Duration, Instant};

use crate::{
    capture::boottime,
    diagnosis::Teller,
    record::{Record, When},
};

/// Records are told a little after their time: see `capture`.
const SLACK: Duration = Duration::from_millis(5);

/// Makes episodes of everything that is captured, shown or not.
#[derive(Debug, Default)]
pub struct Tales {
    teller: Teller,
    told: Vec<Record>,
}

impl Tales {
    pub fn take(&mut self, records: &[Record]) {
        for record in records {
            self.teller.take(record, &mut self.told);
        }
    }

    /// Everything up to this time has been taken.
    pub fn tick(&mut self, now: When) {
        self.teller.tick(now, &mut self.told);
    }

    /// Nothing more will come.
    pub fn finish(&mut self, now: When) {
        self.teller.finish(now, &mut self.told);
    }

    /// When to call [`Self::tick`] though nothing happens.
    pub fn at(&self) -> Option<Instant> {
        let left = self.teller.due()?.saturating_sub(boottime());
        Some(Instant::now() + Duration::from_nanos(left) + SLACK)
    }

    /// Whether a termination is under way.
    pub fn is_waiting(&self) -> bool {
        self.teller.is_waiting()
    }

    /// What has been told since the last call.
    pub fn told(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.told)
    }
}
