//! A small AWS around the functions: queues that bring messages again, runbooks that take a while, people who are asked, a
//! detector that judges when it is asked, and a clock.

use std::{cell::Cell, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};
use plumb_model::{ControlId, Execution, Looker, Policy, Remediation, ResourceRef, remediation_key};
use plumb_ports::Judgement;
use plumb_remediate::Remediator;
use plumb_sweep::Sweeper;
use plumb_tests::{Memory, deployment};
use plumb_track::Tracker;
use serde_json::{Value, json};

use crate::{
    crashing::{Crashing, Queue, run},
    invariants::Seen,
};

thread_local! {
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
}

/// The tests' clock: each look at it is a millisecond later than the last.
fn now() -> Timestamp {
    NOW.set(NOW.get() + SignedDuration::from_millis(1));
    NOW.get()
}

/// What time it is, without a look at the clock.
pub(crate) fn time() -> Timestamp {
    NOW.get()
}

/// Lets time pass; a negative number is a clock that is set back.
pub(crate) fn pass(seconds: i64) {
    NOW.set(NOW.get() + SignedDuration::from_secs(seconds));
}

/// How a runbook is going to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Will {
    /// It fixes, or restores.
    Succeed,
    /// It fails before it changes anything.
    Fail,
    /// It says that it has fixed, and has not.
    Pretend,
}

/// What the approvers say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Said {
    Yes,
    No,
    /// Nothing, until the question is over.
    Nothing,
}

/// What became of a function that ran.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ran {
    /// Whether there was something for it to do.
    pub(crate) found: bool,
    /// Whether it died.
    pub(crate) died: bool,
    /// At how many points it could have died.
    pub(crate) points: usize,
}

/// A message on a queue.
#[derive(Debug, Clone)]
struct Message {
    to: Looker,
    body: String,
    visible_at: Timestamp,
    receives: u32,
}

/// As the template has it.
const VISIBILITY: SignedDuration = SignedDuration::from_secs(180);
const RECEIVES: u32 = 5;

/// As the template has it: longer than a sweep of so few resources needs.
pub(crate) const SWEEP: SignedDuration = SignedDuration::from_mins(15);

/// The control and its rule.
pub(crate) const CONTROL: &str = "bucket-public-access";
const RULE: &str = "plumb-bucket-public-access";

pub(crate) struct Sim {
    pub(crate) memory: Memory,
    queue: Vec<Message>,
    /// What is really so: buckets that violate.
    pub(crate) violating: BTreeMap<String, bool>,
    pub(crate) dead: usize,
    pub(crate) will: Will,
    /// What was looked at so far.
    pub(crate) seen: Seen,
}

impl Sim {
    pub(crate) fn new(policy: Policy, buckets: &[&str]) -> Self {
        NOW.set("2026-06-01T12:00:00Z".parse().unwrap());
        let sim = Self {
            memory: Memory::new(policy),
            queue: Vec::new(),
            violating: buckets.iter().map(|bucket| ((*bucket).to_owned(), true)).collect(),
            dead: 0,
            will: Will::Succeed,
            seen: Seen::default(),
        };
        sim.memory.world().clock = Some(now);
        sim.memory.world().content = Some("as reviewed".to_owned());
        sim
    }

    fn send(&mut self, to: Looker, body: String, after: SignedDuration) {
        let visible_at = NOW.get() + after;
        self.queue.push(Message { to, body, visible_at, receives: 0 });
    }

    /// The detector reports a violation.
    pub(crate) fn report(&mut self, bucket: &str) {
        self.send(Looker::Remediate, judged(bucket, "NON_COMPLIANT", NOW.get()), SignedDuration::ZERO);
    }

    pub(crate) fn ask(&mut self, detail_type: &str, bucket: &str) {
        // Who asks has seen the attempt that stands; the message may arrive when it is another's turn.
        let generation = self.record(bucket).map_or(0, |record| record.generation);
        let body = json!({
            "version": "0", "id": "1", "source": "plumb", "detail-type": detail_type,
            "account": "123456789012", "region": "us-east-1", "time": NOW.get(), "resources": [],
            "detail": {
                "control": CONTROL, "requested_by": "alex", "resource": resource(bucket), "generation": generation,
            },
        });
        self.send(Looker::Remediate, body.to_string(), SignedDuration::ZERO);
    }

    /// Delivers one message that can be seen, the `pick`-th of them; the function dies at point `crash`, if it gets there.
    pub(crate) fn deliver(&mut self, pick: usize, crash: usize) -> Ran {
        let visible: Vec<usize> =
            (0..self.queue.len()).filter(|at| self.queue[*at].visible_at <= NOW.get()).collect();
        if visible.is_empty() {
            return Ran::default();
        }
        let mut message = self.queue.remove(visible[pick % visible.len()]);
        let ports = Crashing::new(&self.memory, crash);
        let answer = match message.to {
            Looker::Remediate => {
                let remediator = Remediator {
                    deployment: deployment(),
                    ledger: &ports,
                    automation: &ports,
                    policy: &ports,
                    surroundings: &ports,
                    later: &ports,
                    now,
                };
                run(remediator.handle(&message.body))
            }
            Looker::Track => {
                let tracker = Tracker {
                    deployment: deployment(),
                    ledger: &ports,
                    automation: &ports,
                    config: &ports,
                    later: &ports,
                    now,
                };
                run(tracker.handle(&message.body))
            }
        };
        let ran = Ran { found: true, died: answer.is_none(), points: ports.reached() };
        if !matches!(answer, Some(Ok(_))) {
            message.receives += 1;
            message.visible_at = NOW.get() + VISIBILITY;
            if message.receives < RECEIVES {
                self.queue.push(message);
            } else {
                self.dead += 1;
            }
        }
        self.send_what_was_sent();
        self.end_what_was_withdrawn();
        ran
    }

    /// Sweeps for so long; the function dies at point `crash`, if it gets there.
    pub(crate) fn sweep(&mut self, time: SignedDuration, crash: usize) -> Ran {
        let ports = Crashing::new(&self.memory, crash);
        let sweeper = Sweeper {
            deployment: deployment(),
            config: &ports,
            ledger: &ports,
            memory: &ports,
            findings: Queue(&ports, Looker::Remediate),
            status: Queue(&ports, Looker::Track),
            policy: &ports,
            digest: &ports,
            now,
        };
        let answer = run(sweeper.sweep(NOW.get() + time));
        let ran = Ran { found: true, died: answer.is_none(), points: ports.reached() };
        self.send_what_was_sent();
        ran
    }

    fn send_what_was_sent(&mut self) {
        let later = std::mem::take(&mut self.memory.world().later);
        for (to, body, seconds) in later {
            self.send(to, body, SignedDuration::from_secs(i64::from(seconds)));
        }
    }

    /// A question that is taken back ends, and Systems Manager says so.
    fn end_what_was_withdrawn(&mut self) {
        let withdrawn = std::mem::take(&mut self.memory.world().withdrawn);
        for id in withdrawn {
            self.end_question(&id, "Cancelled", None);
        }
    }

    /// Loses, or doubles, the `pick`-th message.
    pub(crate) fn lose(&mut self, pick: usize) {
        if !self.queue.is_empty() {
            self.queue.remove(pick % self.queue.len());
        }
    }

    pub(crate) fn double(&mut self, pick: usize) {
        if !self.queue.is_empty() {
            let again = self.queue[pick % self.queue.len()].clone();
            self.queue.push(again);
        }
    }

    /// Every runbook under way ends, and says so.
    pub(crate) fn end_runbooks(&mut self) {
        let running: Vec<(String, Execution)> = self
            .memory
            .world()
            .executions
            .iter()
            .filter(|(_, execution)| execution.status == "InProgress" && !is_question(execution))
            .map(|(id, execution)| (id.clone(), execution.clone()))
            .collect();
        for (id, execution) in running {
            let bucket = execution.parameters["BucketName"][0].clone();
            let undoing = execution.document.ends_with("-rollback");
            let complied = !self.violating[&bucket] && !undoing;
            match (self.will, undoing) {
                (Will::Succeed, undoing) => drop(self.violating.insert(bucket, undoing)),
                (Will::Fail | Will::Pretend, _) => {}
            }
            let failed = self.will == Will::Fail && !complied;
            let verify = if failed || complied { "Pending" } else { "Success" };
            let ended = Execution {
                status: if failed { "Failed" } else { "Success" }.to_owned(),
                outputs: BTreeMap::from([
                    ("Inspect.Found".to_owned(), json!(true)),
                    ("Inspect.Compliant".to_owned(), json!(complied)),
                    ("Inspect.Before".to_owned(), json!("{\"configuration\":null}")),
                ]),
                steps: vec![("Verify".to_owned(), verify.to_owned())],
                failure: failed.then(|| "it was meant to".to_owned()),
                ..execution
            };
            self.send(Looker::Track, status_changed(&id, &ended), SignedDuration::ZERO);
            self.memory.world().executions.insert(id, ended);
        }
    }

    /// The questions that nobody has answered yet.
    fn questions(&self) -> Vec<String> {
        let world = self.memory.world();
        let open = world.executions.iter().filter(|(_, it)| it.status == "InProgress" && is_question(it));
        open.map(|(id, _)| id.clone()).collect()
    }

    /// The approvers answer the `pick`-th question, and Systems Manager says so.
    pub(crate) fn answer(&mut self, pick: usize, said: Said) {
        let questions = self.questions();
        let Some(id) = questions.get(pick % questions.len().max(1)) else { return };
        match said {
            Said::Yes => {
                self.seen.approved.insert(id.clone());
                self.end_question(id, "Success", Some("Approved"));
            }
            Said::No => self.end_question(id, "Failed", Some("Rejected")),
            Said::Nothing => self.end_question(id, "TimedOut", None),
        }
    }

    /// They say yes to everything.
    pub(crate) fn approve_all(&mut self) {
        while !self.questions().is_empty() {
            self.answer(0, Said::Yes);
        }
    }

    fn end_question(&mut self, id: &str, status: &str, said: Option<&str>) {
        let Some(asked) = self.memory.world().executions.get(id).cloned() else { return };
        if asked.status != "InProgress" {
            return;
        }
        let decisions =
            json!({ "Approver": "arn:aws:iam::123456789012:user/ann", "Decision": said, "Comment": "" });
        let outputs = said.map(|said| {
            let decisions = json!(decisions.to_string());
            [
                ("Approve.ApprovalStatus".to_owned(), json!(said)),
                ("Approve.ApproverDecisions".to_owned(), decisions),
            ]
        });
        let ended = Execution {
            status: status.to_owned(),
            outputs: outputs.into_iter().flatten().collect(),
            ..asked
        };
        self.send(Looker::Remediate, status_changed(id, &ended), SignedDuration::ZERO);
        self.memory.world().executions.insert(id.to_owned(), ended);
    }

    /// The detector judges every bucket, and reports what it has not said before.
    pub(crate) fn judge(&mut self) {
        let violating = self.violating.iter().filter(|(_, violating)| **violating);
        let listed = violating.map(|(bucket, _)| resource(bucket)).collect();
        self.memory.world().non_compliant.insert(RULE.to_owned(), listed);
        self.memory.world().reevaluated.clear();
        for (bucket, violating) in self.violating.clone() {
            let said = Judgement { complies: !violating, recorded_at: NOW.get() };
            let key = (RULE.to_owned(), bucket.clone());
            let before = self.memory.world().judgements.insert(key, said);
            if before.is_none_or(|before| before.complies == violating) {
                let (to, word) = if violating {
                    (Looker::Remediate, "NON_COMPLIANT")
                } else {
                    (Looker::Track, "COMPLIANT")
                };
                self.send(to, judged(&bucket, word, NOW.get()), SignedDuration::ZERO);
            }
        }
    }

    /// An hour in which nothing goes wrong: everything is delivered, runbooks end, people say yes, the detector judges, the
    /// sweep sweeps.
    pub(crate) fn fair_hour(&mut self) {
        for _ in 0..20 {
            while self.deliver(0, usize::MAX).found {
                self.check();
            }
            self.end_runbooks();
            self.approve_all();
            self.judge();
            pass(180);
        }
        self.sweep(SWEEP, usize::MAX);
    }

    pub(crate) fn record(&self, bucket: &str) -> Option<Remediation> {
        self.memory.world().records.get(&key(bucket)).cloned()
    }

    /// The documents that were started, in order.
    pub(crate) fn started(&self) -> Vec<String> {
        self.memory.world().started.iter().map(|(_, action)| action.document.clone()).collect()
    }

    /// What always holds, whatever has happened so far.
    pub(crate) fn check(&mut self) {
        self.seen.check(&self.memory.world(), time());
    }
}

/// Whether an execution does nothing but ask.
pub(crate) fn is_question(execution: &Execution) -> bool {
    deployment().asks(&execution.document)
}

pub(crate) fn resource(bucket: &str) -> ResourceRef {
    ResourceRef {
        account: deployment().account,
        region: deployment().region,
        kind: "AWS::S3::Bucket".to_owned(),
        id: bucket.to_owned(),
    }
}

pub(crate) fn key(bucket: &str) -> String {
    remediation_key(&ControlId::parse(CONTROL).unwrap(), &resource(bucket))
}

fn status_changed(id: &str, execution: &Execution) -> String {
    json!({
        "version": "0", "id": "1", "source": "aws.ssm",
        "detail-type": "EC2 Automation Execution Status-change Notification", "account": "123456789012",
        "region": "us-east-1", "time": NOW.get(), "resources": [],
        "detail": { "ExecutionId": id, "Definition": execution.document, "Status": execution.status },
    })
    .to_string()
}

fn judged(bucket: &str, compliance: &str, at: Timestamp) -> String {
    let event: Value = json!({
        "version": "0", "id": "1", "source": "aws.config", "detail-type": "Config Rules Compliance Change",
        "account": "123456789012", "region": "us-east-1", "time": at, "resources": [],
        "detail": {
            "messageType": "ComplianceChangeNotification", "awsAccountId": "123456789012", "awsRegion": "us-east-1",
            "configRuleName": RULE, "resourceType": "AWS::S3::Bucket", "resourceId": bucket,
            "newEvaluationResult": { "complianceType": compliance, "resultRecordedTime": at },
        },
    });
    event.to_string()
}
