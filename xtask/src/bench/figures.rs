//! What is measured, and the samples of it.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::function::Function;

/// What is measured of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// From just before the process is started until it asks for its first event.
    Init,
    /// `INIT REPORT(durationMs: …)` of the emulator.
    InitRie,
    /// `Init Duration` in the emulator's `REPORT`.
    InitRieReport,
    /// From the first event until its answer.
    First,
    /// Init and first invocation.
    Cold,
    /// The first request to the emulator, in which it starts the function.
    ColdRie,
    /// From an event until its answer.
    Warm,
    /// A later request to the emulator.
    WarmRie,
    /// `VmHWM` at the end.
    Memory,
    /// `VmHWM` at the end, under the emulator.
    MemoryRie,
    /// The deployment package.
    Zip,
}

impl Figure {
    /// All, in the table's order.
    pub(crate) const ALL: [Self; 11] = [
        Self::Init,
        Self::InitRie,
        Self::InitRieReport,
        Self::First,
        Self::Cold,
        Self::ColdRie,
        Self::Warm,
        Self::WarmRie,
        Self::Memory,
        Self::MemoryRie,
        Self::Zip,
    ];

    /// Its line in the table.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Init => "init: process start to first `next`",
            Self::InitRie => "init: RIE's `INIT REPORT`",
            Self::InitRieReport => "init: RIE's `REPORT`",
            Self::First => "first invocation",
            Self::Cold => "init and first invocation",
            Self::ColdRie => "init and first invocation, RIE",
            Self::Warm => "warm invocation",
            Self::WarmRie => "warm invocation, RIE",
            Self::Memory => "peak memory",
            Self::MemoryRie => "peak memory, RIE",
            Self::Zip => "zipped",
        }
    }

    /// The unit of its samples.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Memory | Self::MemoryRie | Self::Zip => "MB",
            _ => "ms",
        }
    }
}

/// The samples of one function.
#[derive(Debug, Serialize)]
pub(crate) struct Samples(BTreeMap<Figure, Vec<f64>>);

impl Samples {
    /// A function's, with what is known before it runs.
    pub(crate) fn of(function: &Function) -> Self {
        Self(BTreeMap::from([(Figure::Zip, vec![f64::from(function.zipped) / 1e6])]))
    }

    pub(crate) fn add(&mut self, figure: Figure, took: Duration) {
        self.add_milliseconds(figure, took.as_secs_f64() * 1e3);
    }

    pub(crate) fn add_milliseconds(&mut self, figure: Figure, milliseconds: f64) {
        self.0.entry(figure).or_default().push(milliseconds);
    }

    pub(crate) fn add_memory(&mut self, figure: Figure, kibibytes: u32) {
        self.0.entry(figure).or_default().push(f64::from(kibibytes) * 1024.0 / 1e6);
    }

    /// The sample in the middle (the lower of two).
    pub(crate) fn median(&self, figure: Figure) -> Option<f64> {
        let mut samples = self.0.get(&figure)?.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len().saturating_sub(1) / 2).copied()
    }

    /// The least.
    pub(crate) fn least(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure)?.iter().copied().min_by(f64::total_cmp)
    }
}

#[cfg(test)]
impl Samples {
    pub(crate) fn these(samples: impl IntoIterator<Item = (Figure, Vec<f64>)>) -> Self {
        Self(samples.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_sample_that_was_taken() {
        let samples = Samples::these([(Figure::Warm, vec![9.0, 1.0, 4.0, 2.0])]);
        assert_eq!(samples.median(Figure::Warm), Some(2.0));
        assert_eq!(samples.least(Figure::Warm), Some(1.0));
        assert_eq!(samples.median(Figure::Init), None);
    }
}
