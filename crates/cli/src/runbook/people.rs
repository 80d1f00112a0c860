//! Steps that wait for somebody: the terminal is asked, or flags answer.

use std::{
    collections::{HashMap, HashSet},
    io::{self, BufRead as _, IsTerminal as _},
    sync::{Arc, Mutex, PoisonError},
};

use plumb_automation::{
    Answer, Execution, Family, Launcher, Ports, Signal, Signals, Start, Status, StepExecution, Stop, Stopper,
};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::{arguments::Answers, output::say};

/// A step that began to wait.
pub(super) struct Waiting {
    execution: String,
    step: StepExecution,
}

/// Tells of steps that begin to wait.
pub(super) struct Bell {
    ring: UnboundedSender<Waiting>,
    /// The step executions that wait already: each first decision shows them once more.
    rung: Mutex<HashSet<String>>,
}

impl Bell {
    pub(super) fn new(ring: UnboundedSender<Waiting>) -> Self {
        Self { ring, rung: Mutex::default() }
    }

    pub(super) fn step_changed(&self, execution: &Execution, step: &StepExecution) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        if step.status != Status::Waiting {
            rung.remove(&step.id);
        } else if rung.insert(step.id.clone()) {
            // Whoever answers lives as long as the execution.
            let _ = self.ring.send(Waiting { execution: execution.id.clone(), step: step.clone() });
        }
    }
}

/// The ends at which executions can be spoken to, children included.
#[derive(Clone, Default)]
pub(super) struct Reachable(Arc<Mutex<HashMap<String, Stopper>>>);

impl Reachable {
    pub(super) fn add(&self, id: &str, stopper: Stopper) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), stopper);
    }

    fn stopper(&self, id: &str) -> Option<Stopper> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

impl Launcher for Reachable {
    fn launch(
        &self,
        start: Start,
        ports: Ports,
        (stopper, signals): (Stopper, Signals),
        _family: Family,
    ) -> Answer<'static, Execution> {
        self.add(&start.id, stopper);
        plumb_automation::run(start, ports, signals)
    }
}

/// What is said to a step that waits.
enum Reply {
    Yes,
    No,
    /// There is nobody to say anything.
    Nobody,
}

/// Answers every step that waits, for as long as it is polled.
pub(super) async fn answer(mut waiting: UnboundedReceiver<Waiting>, reachable: Reachable, answers: &Answers) {
    while let Some(Waiting { execution, step }) = waiting.recv().await {
        let Some(stopper) = reachable.stopper(&execution) else { continue };
        let is_pause = step.action == "aws:pause";
        let reply = match (is_pause, answers.resume, answers.approve, answers.reject) {
            (true, true, _, _) | (false, _, true, _) => Reply::Yes,
            (false, _, _, true) => Reply::No,
            _ => ask(&step).await,
        };
        match reply {
            Reply::Yes if is_pause => stopper.say(Signal::Resume { step: None }),
            Reply::No if is_pause => stopper.stop(Stop::Cancel),
            Reply::Yes => approvers(&step)
                .into_iter()
                .for_each(|by| stopper.say(Signal::Approve { by, comment: String::new() })),
            Reply::No => approvers(&step)
                .into_iter()
                .take(1)
                .for_each(|by| stopper.say(Signal::Reject { by, comment: String::new() })),
            Reply::Nobody => {
                let flags = if is_pause { "--resume" } else { "--approve or --reject" };
                say(format_args!(
                    "step `{}` waits for somebody, and there is no terminal to ask: cancelling; give {flags}",
                    step.name
                ));
                stopper.stop(Stop::Cancel);
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Asks the terminal, if there is one.
async fn ask(step: &StepExecution) -> Reply {
    if !io::stdin().is_terminal() {
        return Reply::Nobody;
    }
    let message = step.inputs.get("Message").and_then(Value::as_str).unwrap_or_default();
    if step.action == "aws:pause" {
        say(format_args!("step `{}` is paused; go on? [yes/no]", step.name));
    } else {
        say(format_args!("step `{}` asks for approval: {message}\napprove? [yes/no]", step.name));
    }
    loop {
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map(|read| (read, line))
        });
        match line.await {
            Ok(Ok((1.., line))) => match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Reply::Yes,
                "n" | "no" => return Reply::No,
                _ => say("answer yes or no"),
            },
            // The terminal is gone.
            _ => return Reply::Nobody,
        }
    }
}

fn approvers(step: &StepExecution) -> Vec<String> {
    match step.inputs.get("Approvers") {
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(|name| name.trim().to_owned()).collect()
        }
        Some(Value::String(one)) => vec![one.trim().to_owned()],
        _ => Vec::new(),
    }
}
