//! A small AWS around the functions: queues that bring messages again, runbooks that take a while, a detector that judges when
//! it is asked, a sweep, and a clock.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use jiff::{SignedDuration, Timestamp};
use plumb_model::{
    ControlId, Counter, DueRequest, Execution, Hour, Looker, Policy, Remediation, ResourceRef, State,
    remediation_key,
};
use plumb_ports::{Judgement, Ledger};
use plumb_remediate::Remediator;
use plumb_tests::{Memory, deployment};
use plumb_track::Tracker;
use serde_json::{Value, json};

use crate::crashing::{Crashing, run};

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

/// The control and its rule.
const CONTROL: &str = "bucket-public-access";
const RULE: &str = "plumb-bucket-public-access";

pub(crate) struct Sim {
    pub(crate) memory: Memory,
    queue: Vec<Message>,
    /// What is really so: buckets that violate.
    pub(crate) violating: BTreeMap<String, bool>,
    pub(crate) dead: usize,
    pub(crate) will: Will,
    /// The runbooks that were started, as far as they were looked at.
    seen_starts: usize,
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
            seen_starts: 0,
        };
        sim.memory.world().clock = Some(now);
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
        let body = json!({
            "version": "0", "id": "1", "source": "plumb", "detail-type": detail_type,
            "account": "123456789012", "region": "us-east-1", "time": NOW.get(), "resources": [],
            "detail": { "control": CONTROL, "requested_by": "alex", "resource": resource(bucket) },
        });
        self.send(Looker::Remediate, body.to_string(), SignedDuration::ZERO);
    }

    /// Delivers one message that can be seen, the `pick`-th of them; the function dies at point `crash`, if it gets there.
    /// Whether there was one, and whether it died.
    pub(crate) fn deliver(&mut self, pick: usize, crash: usize) -> (bool, bool) {
        let visible: Vec<usize> =
            (0..self.queue.len()).filter(|at| self.queue[*at].visible_at <= NOW.get()).collect();
        if visible.is_empty() {
            return (false, false);
        }
        let mut message = self.queue.remove(visible[pick % visible.len()]);
        let answer = {
            let ports = Crashing::new(&self.memory, crash);
            match message.to {
                Looker::Remediate => {
                    let remediator = Remediator {
                        deployment: deployment(),
                        ledger: &ports,
                        automation: &ports,
                        policy: &ports,
                        surroundings: &self.memory,
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
            }
        };
        if !matches!(answer, Some(Ok(_))) {
            message.receives += 1;
            message.visible_at = NOW.get() + VISIBILITY;
            if message.receives < RECEIVES {
                self.queue.push(message);
            } else {
                self.dead += 1;
            }
        }
        let later = std::mem::take(&mut self.memory.world().later);
        for (to, body, seconds) in later {
            self.send(to, body, SignedDuration::from_secs(i64::from(seconds)));
        }
        (true, answer.is_none())
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
            .filter(|(_, execution)| execution.status == "InProgress")
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
            let definition = ended.document.clone();
            self.memory.world().executions.insert(id.clone(), ended);
            let body = json!({
                "version": "0", "id": "1", "source": "aws.ssm",
                "detail-type": "EC2 Automation Execution Status-change Notification", "account": "123456789012",
                "region": "us-east-1", "time": NOW.get(), "resources": [],
                "detail": { "ExecutionId": id, "Definition": definition, "Status": if failed { "Failed" } else { "Success" } },
            });
            self.send(Looker::Track, body.to_string(), SignedDuration::ZERO);
        }
    }

    /// The detector judges every bucket, and reports what it has not said before.
    pub(crate) fn judge(&mut self) {
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

    /// What is due, and what the detector last held to be violating, goes back to the queues.
    pub(crate) fn sweep(&mut self) {
        let mut next = None;
        loop {
            let page = run((&self.memory).due(NOW.get(), next)).unwrap().unwrap();
            for record in page.records {
                let body = DueRequest::of(&record).event(NOW.get()).to_string();
                self.send(record.looked_at_by(), body, SignedDuration::ZERO);
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let violating: Vec<_> = self
            .memory
            .world()
            .judgements
            .iter()
            .filter(|(_, said)| !said.complies)
            .map(|((_, bucket), said)| (bucket.clone(), said.recorded_at))
            .collect();
        for (bucket, recorded_at) in violating {
            self.send(Looker::Remediate, judged(&bucket, "NON_COMPLIANT", recorded_at), SignedDuration::ZERO);
        }
    }

    /// An hour in which nothing goes wrong: everything is delivered, runbooks end, the detector judges, the sweep sweeps.
    pub(crate) fn fair_hour(&mut self) {
        for _ in 0..20 {
            while self.deliver(0, usize::MAX).0 {
                self.check();
            }
            self.end_runbooks();
            self.judge();
            pass(180);
        }
        self.sweep();
    }

    pub(crate) fn record(&self, bucket: &str) -> Option<Remediation> {
        self.memory.world().records.get(&key(bucket)).cloned()
    }

    /// What always holds, whatever has happened so far.
    pub(crate) fn check(&mut self) {
        let world = self.memory.world();
        let policy = world.policy.clone().unwrap();
        // Never two at once on one resource.
        let mut busy: BTreeMap<&str, usize> = BTreeMap::new();
        for execution in world.executions.values().filter(|execution| execution.status == "InProgress") {
            *busy.entry(execution.parameters["BucketName"][0].as_str()).or_default() += 1;
        }
        assert!(busy.values().all(|at_once| *at_once == 1), "two runbooks on one bucket: {busy:?}");
        // What is counted is what is so.
        let held = world.records.values().filter(|record| record.state.holds_a_place()).count();
        let place = Counter::Running(deployment().account, deployment().region).key();
        let counted = world.counters.get(&place).map_or(0, |counted| counted.taken);
        assert_eq!(counted, i64::try_from(held).unwrap(), "places");
        let most = usize::try_from(policy.limits.running).unwrap();
        let fixing = world.records.values().filter(|r| matches!(r.state, State::Planned | State::Running));
        assert!(fixing.count() <= most, "more under way than {most}");
        // Claims by hour never exceed the limit.
        let mut claims: BTreeMap<(Hour, &str), Vec<u64>> = BTreeMap::new();
        let mut claimed = BTreeSet::new();
        for write in world.writes.iter().filter(|write| write.state == State::Planned) {
            if claimed.insert((write.resource.id.as_str(), write.generation)) {
                claims.entry((Hour::of(write.updated_at), CONTROL)).or_default().push(write.generation);
            }
        }
        let most = usize::try_from(policy.limits.per_hour.control).unwrap();
        assert!(claims.values().all(|hour| hour.len() <= most), "more starts in an hour than {most}");
        // Nothing that someone has to come back to can be forgotten.
        for record in world.records.values() {
            let waits = record.state.is_open() || record.state == State::Failed || record.deferred.is_some();
            assert!(!waits || record.due_at.is_some(), "forgotten: {record:#?}");
        }
        // What is waived is never fixed: not even started.
        for (_, action) in world.started.iter().skip(self.seen_starts) {
            let bucket = action.parameters["BucketName"][0].as_str();
            let waived = policy.waivers.iter().any(|waiver| {
                NOW.get() < waiver.expires && waiver.selector.resource.as_deref() == Some(bucket)
            });
            assert!(!waived || action.document.ends_with("-rollback"), "waived, and started");
        }
        let seen = world.started.len();
        drop(world);
        self.seen_starts = seen;
    }
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
