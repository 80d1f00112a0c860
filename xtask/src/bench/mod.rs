//! `cargo xtask bench`: `remediate` and `evaluate` side by side with an empty Rust function and a plain boto3 handler.
//!
//! Each is started cold several times, in turns, so that what else the machine does hits all of them alike: once under the
//! Lambda Runtime Interface Emulator, once under a Runtime API of the bench's own, which says exactly when a function asks
//! for its first event. What the figures are is written in `docs/benchmarks.md`. Nothing is asserted about them.

mod endpoint;
mod evaluations;
mod figures;
pub(crate) mod function;
mod report;
pub(crate) mod rie;
mod sandbox;

use std::{error::Error, fs, path::Path};

use crate::{
    test::{Checkout, say},
    tools::Tools,
};
use endpoint::{Calls, Endpoint};
use figures::{Figure, Samples};
use function::{Function, Work};
use report::Report;
use rie::Rie;
use sandbox::Sandbox;

/// What each invocation brings. `remediate`: an SQS batch of one, with a finding of AWS Config about a resource not seen
/// before. `evaluate`: AWS Config's question about such a resource.
struct Events {
    finding: String,
    change: String,
    number: u32,
}

/// Runs the bench. Returns the table.
///
/// # Errors
/// When something can't be built or run, or a function does not do its work.
pub(crate) fn run(
    checkout: Checkout<'_>,
    json: Option<&Path>,
    cold: u32,
    warm: u32,
) -> Result<String, Box<dyn Error>> {
    let root = checkout.root;
    let tools = Tools::ensure(root)?;
    let mut events = Events::read(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let endpoint = Endpoint::start().await?;
        let functions = function::all(checkout, &tools, &endpoint)?;
        let mut samples: Vec<_> = functions.iter().map(Samples::of).collect();
        let mut calls = vec![Calls::default(); functions.len()];
        for round in 1..=cold {
            say(&format!("· cold start {round} of {cold}, {warm} warm invocations each"));
            for ((function, samples), calls) in functions.iter().zip(&mut samples).zip(&mut calls) {
                *calls = alone(function, &endpoint, &mut events, warm, samples).await?;
                under_rie(function, &endpoint, &mut events, warm, samples).await?;
            }
        }
        let evaluate = functions.iter().find(|function| function.work == Work::Evaluate);
        let evaluate = evaluate.ok_or("there is no evaluate function")?;
        say("· every kind of invocation of evaluate, and one of all resources");
        evaluations::each_kind(root, evaluate, &endpoint).await?;
        let periodic = evaluations::periodic(evaluate, &endpoint).await?;
        Ok::<_, Box<dyn Error>>(Report::new(cold, warm, &functions, samples, calls, periodic))
    })?;
    if let Some(file) = json {
        fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(report.to_string())
}

/// One life under the bench's own Runtime API. The calls to AWS that the first invocation made.
async fn alone(
    function: &Function,
    endpoint: &Endpoint,
    events: &mut Events,
    warm: u32,
    samples: &mut Samples,
) -> Result<Calls, Box<dyn Error>> {
    endpoint.take();
    let mut sandbox = Sandbox::start(function).await?;
    let init = sandbox.ready().await?;
    let first = sandbox.invoke(events.next(function.work)).await?;
    let calls = endpoint.take();
    function.check(&first.answer, &calls, 1)?;
    samples.add(Figure::Init, init);
    samples.add(Figure::First, first.took);
    samples.add(Figure::Cold, init + first.took);
    for _ in 0..warm {
        let invocation = sandbox.invoke(events.next(function.work)).await?;
        function.check(&invocation.answer, &endpoint.take(), 1)?;
        samples.add(Figure::Warm, invocation.took);
    }
    samples.add_memory(Figure::Memory, sandbox.peak_memory()?);
    sandbox.stop().await?;
    Ok(calls)
}

/// One life under the Runtime Interface Emulator.
async fn under_rie(
    function: &Function,
    endpoint: &Endpoint,
    events: &mut Events,
    warm: u32,
    samples: &mut Samples,
) -> Result<(), Box<dyn Error>> {
    endpoint.take();
    let rie = Rie::start(function).await?;
    let first = rie.invoke(events.next(function.work)).await?;
    function.check(&first.answer, &endpoint.take(), 1)?;
    samples.add(Figure::ColdRie, first.took);
    for _ in 0..warm {
        let invocation = rie.invoke(events.next(function.work)).await?;
        function.check(&invocation.answer, &endpoint.take(), 1)?;
        samples.add(Figure::WarmRie, invocation.took);
    }
    samples.add_memory(Figure::MemoryRie, rie.peak_memory()?);
    let said = rie.stop().await?;
    samples.add_milliseconds(Figure::InitRieReport, said.report_init);
    samples.add_milliseconds(Figure::InitRie, said.init);
    Ok(())
}

impl Events {
    fn read(root: &Path) -> Result<Self, Box<dyn Error>> {
        let read = |name: &str| fs::read_to_string(root.join("tests/bench").join(name));
        Ok(Self { finding: read("event.json")?, change: read("change.json")?, number: 0 })
    }

    fn next(&mut self, work: Work) -> String {
        self.number += 1;
        let text = if work == Work::Evaluate { &self.change } else { &self.finding };
        text.replace("NUMBER", &format!("{:012}", self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_about_another_resource() {
        let mut events = Events::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        let finding = |text: String| {
            let batch: serde_json::Value = serde_json::from_str(&text).unwrap();
            let body = batch["Records"][0]["body"].as_str().unwrap();
            let event: serde_json::Value = serde_json::from_str(body).unwrap();
            event["detail"]["resourceId"].as_str().unwrap().to_owned()
        };
        assert_eq!(finding(events.next(Work::Remediate)), "bench-000000000001");
        assert_eq!(finding(events.next(Work::Nothing)), "bench-000000000002");
        let change: serde_json::Value = serde_json::from_str(&events.next(Work::Evaluate)).unwrap();
        assert!(change["invokingEvent"].as_str().unwrap().contains("vol-000000000003"));
    }
}
