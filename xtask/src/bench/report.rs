//! The table, and the same as data.

use std::{collections::BTreeMap, fmt, fs};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    endpoint::Calls,
    evaluations::Periodic,
    figures::{Figure, Samples},
    function::Function,
};

/// What was measured, and on what.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    at: Timestamp,
    machine: Machine,
    cold_starts: u32,
    warm_invocations_each: u32,
    functions: BTreeMap<&'static str, Measured>,
    /// One evaluation of ten thousand resources.
    periodic_evaluation: Periodic,
    aims: Vec<Aim>,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    load: String,
}

#[derive(Debug, Serialize)]
struct Measured {
    median: BTreeMap<Figure, f64>,
    least: BTreeMap<Figure, f64>,
    samples: Samples,
    /// Calls to AWS in the first invocation, in which the policy is read.
    first_invocation_calls: Calls,
}

/// Something that the project wants of `remediate` and `evaluate`.
#[derive(Debug, Serialize)]
struct Aim {
    text: &'static str,
    is: String,
    met: bool,
}

impl Report {
    pub(crate) fn new(
        cold_starts: u32,
        warm_invocations_each: u32,
        functions: &[Function],
        samples: Vec<Samples>,
        calls: Vec<Calls>,
        periodic_evaluation: Periodic,
    ) -> Self {
        let functions = functions
            .iter()
            .zip(samples.into_iter().zip(calls))
            .map(|(function, (samples, calls))| (function.name, Measured::new(samples, calls)))
            .collect();
        let aims = aims(&functions);
        Self {
            at: Timestamp::now(),
            machine: machine(),
            cold_starts,
            warm_invocations_each,
            functions,
            periodic_evaluation,
            aims,
        }
    }
}

impl Measured {
    fn new(samples: Samples, first_invocation_calls: Calls) -> Self {
        let each = |of: fn(&Samples, Figure) -> Option<f64>| {
            Figure::ALL.iter().filter_map(|figure| Some((*figure, of(&samples, *figure)?))).collect()
        };
        Self { median: each(Samples::median), least: each(Samples::least), samples, first_invocation_calls }
    }
}

fn aims(functions: &BTreeMap<&'static str, Measured>) -> Vec<Aim> {
    let median = |name: &str, figure| functions.get(name)?.median.get(&figure).copied();
    let times = |of: Option<f64>, by: Option<f64>| of.zip(by).map_or(f64::NAN, |(of, by)| of / by);
    let init = |name| median(name, Figure::Init);
    let memory = |name| median(name, Figure::MemoryRie);
    let (to_empty, to_boto3) =
        (times(init("remediate"), init("empty")), times(init("boto3"), init("remediate")));
    let lighter = times(memory("boto3"), memory("remediate"));
    let cold = |name| median(name, Figure::Cold);
    let to_remediate = times(cold("evaluate"), cold("remediate"));
    let zip = median("remediate", Figure::Zip).unwrap_or(f64::NAN);
    let calls = functions.get("remediate").map(|measured| &measured.first_invocation_calls);
    // The policy is asked for once an interval, whatever is remediated meanwhile; both calls stay in the list.
    let of_remediation = |(operation, _): &(&String, &u32)| !operation.starts_with("appconfig:");
    let number: u32 = calls.into_iter().flatten().filter(of_remediation).map(|(_, times)| times).sum();
    let names = calls.into_iter().flatten().map(|(operation, times)| format!("{times} × {operation}"));
    let names = names.collect::<Vec<_>>().join(", ");
    let aim = |text, met, is| Aim { text, is, met };
    vec![
        aim("init at most 2 × the empty function's", to_empty <= 2.0, format!("{to_empty:.2} ×")),
        aim("init at least 50 × faster than boto3's", to_boto3 >= 50.0, format!("{to_boto3:.0} ×")),
        aim("peak memory at most an eighth of boto3's", lighter >= 8.0, format!("1/{lighter:.1}")),
        aim(
            "evaluate's cold start at most a quarter slower than remediate's",
            to_remediate <= 1.25,
            format!("{to_remediate:.2} ×"),
        ),
        aim("zipped under 4 MB", zip < 4.0, format!("{zip:.2} MB")),
        aim(
            "at most 4 calls to AWS for a remediation, those for the policy aside",
            (1..=4).contains(&number),
            format!("{number}: {names}"),
        ),
    ]
}

fn machine() -> Machine {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    Machine {
        processor: model.map_or("unknown", |(_, model)| model.trim()).to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        load: fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned(),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at, machine: Machine { processor, cores, load }, cold_starts, warm_invocations_each, ..
        } = self;
        writeln!(out, "\n{at:.0}, {cores} × {processor}, load {load}")?;
        writeln!(
            out,
            "median (least) of {cold_starts} cold starts, {warm_invocations_each} warm invocations after each\n"
        )?;
        let heads = ["", "remediate", "evaluate", "empty Rust", "boto3", "÷ empty", "boto3 ÷"];
        let [figure, remediate, evaluate, empty, boto3, to_empty, to_boto3] = heads;
        writeln!(
            out,
            "{figure:<42}{remediate:>18}{evaluate:>18}{empty:>18}{boto3:>18}{to_empty:>10}{to_boto3:>10}"
        )?;
        for figure in Figure::ALL {
            let label = format!("{}, {}", figure.label(), figure.unit());
            let [remediate, evaluate, empty, boto3] = ["remediate", "evaluate", "empty", "boto3"]
                .map(|name| self.functions.get(name)?.pair(figure));
            let ratio = |of: Option<(f64, f64)>, by: Option<(f64, f64)>| {
                of.zip(by).map_or_else(String::new, |((of, _), (by, _))| format!("{:.2}", of / by))
            };
            let (to_empty, to_boto3) = (ratio(remediate, empty), ratio(boto3, remediate));
            let [remediate, evaluate, empty, boto3] = [remediate, evaluate, empty, boto3].map(cell);
            writeln!(
                out,
                "{label:<42}{remediate:>18}{evaluate:>18}{empty:>18}{boto3:>18}{to_empty:>10}{to_boto3:>10}"
            )?;
        }
        writeln!(out, "\n{}\n", self.periodic_evaluation)?;
        for Aim { text, is, met } in &self.aims {
            writeln!(out, "{}  {text}: {is}", if *met { "met   " } else { "MISSED" })?;
        }
        Ok(())
    }
}

impl Measured {
    fn pair(&self, figure: Figure) -> Option<(f64, f64)> {
        Some((*self.median.get(&figure)?, *self.least.get(&figure)?))
    }
}

fn cell(pair: Option<(f64, f64)>) -> String {
    pair.map_or_else(|| "-".to_owned(), |(median, least)| format!("{median:.2} ({least:.2})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(init: f64, evaluates: f64, calls: u32) -> BTreeMap<&'static str, Measured> {
        [
            ("remediate", init, 8.0, 8.0),
            ("evaluate", init, evaluates, 8.0),
            ("empty", 1.0, 3.0, 3.0),
            ("boto3", 100.0, 110.0, 80.0),
        ]
        .map(|(name, init, cold, memory)| {
            let figures =
                [(Figure::Init, init), (Figure::Cold, cold), (Figure::MemoryRie, memory), (Figure::Zip, 3.9)];
            let samples = Samples::these(figures.map(|(figure, sample)| (figure, vec![sample])));
            let calls = Calls::from([
                ("dynamodb:PutItem".to_owned(), calls),
                ("appconfig:GetLatestConfiguration".to_owned(), 1),
            ]);
            (name, Measured::new(samples, calls))
        })
        .into()
    }

    #[test]
    fn an_aim_is_met_at_its_bound_and_missed_beyond() {
        let met = |init, evaluates, calls| {
            aims(&functions(init, evaluates, calls)).iter().map(|aim| aim.met).collect::<Vec<_>>()
        };
        assert_eq!(met(2.0, 10.0, 4), [true, true, true, true, true, true]);
        assert_eq!(met(2.1, 10.1, 5), [false, false, true, false, true, false]);
    }

    #[test]
    fn an_aim_that_was_not_measured_is_not_met() {
        assert!(aims(&BTreeMap::new()).iter().all(|aim| !aim.met));
    }
}
