//! The life of remediations when everything goes wrong: functions killed at every point, lost, doubled and late messages, runbooks
//! that fail or lie, people who change their mind, and a clock that jumps.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may")]

mod crashing;
mod invariants;
mod sim;

use jiff::SignedDuration;
use plumb_model::{
    ApprovalRules, FlappingLimits, Limits, Mode, PerHour, Policy, RollbackRules, Selector, State, Waiver,
};
use proptest::{prelude::*, sample::select};

use sim::{Ran, SWEEP, Said, Sim, Will, pass, time};

const NEVER: usize = usize::MAX;

fn policy(mode: Mode) -> Policy {
    let approval = ApprovalRules {
        approvers: vec!["ann".to_owned()],
        required: 1,
        expires_hours: 2,
        hands_off_hours: 1,
        topic: None,
    };
    Policy { mode, approval: Some(approval), ..Policy::default() }
}

/// The life of one bucket, in which a function dies once, at a point counted over everything that runs.
struct Life {
    sim: Sim,
    /// What the approvers say.
    says: Said,
    /// How many points are left until it dies.
    left: usize,
    died: bool,
    points: usize,
}

impl Life {
    fn new(mode: Mode, crash_at: usize) -> Self {
        let sim = Sim::new(policy(mode), &["one"]);
        Self { sim, says: Said::Yes, left: crash_at, died: false, points: 0 }
    }

    /// One function runs; whether there was something to do.
    fn run(&mut self, function: impl FnOnce(&mut Sim, usize) -> Ran) -> bool {
        let ran = function(&mut self.sim, if self.died { NEVER } else { self.left });
        self.sim.check();
        self.died |= ran.died;
        self.points += ran.points;
        self.left = self.left.saturating_sub(ran.points);
        ran.found
    }

    fn hours(&mut self, hours: usize) {
        for _ in 0..hours {
            for _ in 0..20 {
                while self.run(|sim, crash| sim.deliver(0, crash)) {}
                self.sim.end_runbooks();
                self.sim.answer(0, self.says);
                self.sim.judge();
                pass(180);
            }
            self.run(|sim, crash| sim.sweep(SWEEP, crash));
        }
    }
}

/// From the finding to a fix, and then a rollback.
fn fixed_and_rolled_back(crash_at: usize) -> Life {
    let mut life = Life::new(Mode::Auto, crash_at);
    life.sim.judge();
    life.hours(2);
    life.sim.ask("Plumb Rollback Requested", "one");
    life.hours(2);
    life
}

/// The finding is lost: the sweep finds it.
fn lost_and_found(crash_at: usize) -> Life {
    let mut life = Life::new(Mode::Auto, crash_at);
    life.sim.judge();
    life.sim.lose(0);
    life.hours(4);
    life
}

/// People are asked, and say yes.
fn approved(crash_at: usize) -> Life {
    let mut life = Life::new(Mode::Approve, crash_at);
    life.sim.judge();
    life.hours(3);
    life
}

/// People are asked, and say no; the resource is left alone until they are asked again, and say yes.
fn declined_and_approved(crash_at: usize) -> Life {
    let mut life = Life::new(Mode::Approve, crash_at);
    life.says = Said::No;
    life.sim.judge();
    life.hours(1);
    life.says = Said::Yes;
    life.hours(5);
    life
}

/// Its name, how it is lived, how it ends, and what was started.
type Story = (&'static str, fn(usize) -> Life, State, &'static [&'static str]);

#[test]
fn a_function_killed_at_any_point_loses_nothing_and_doubles_nothing() {
    let stories: [Story; 4] = [
        ("fixed and rolled back", fixed_and_rolled_back, State::RolledBack, &["", "-rollback"]),
        ("lost and found", lost_and_found, State::Fixed, &[""]),
        ("approved", approved, State::Fixed, &["?", ""]),
        ("declined and approved", declined_and_approved, State::Fixed, &["?", "?", ""]),
    ];
    for (story, live, end, started) in stories {
        let started: Vec<String> = started.iter().map(|which| document(which)).collect();
        let calm = live(NEVER);
        assert!(!calm.died);
        let before = calm.sim.record("one").unwrap().before;
        assert!(calm.points > 100, "{story}: only {} points", calm.points);
        for crash_at in 0..calm.points {
            let life = live(crash_at);
            assert!(life.died, "{story}: {crash_at} was not reached");
            let record = life.sim.record("one").unwrap();
            assert_eq!(record.state, end, "{story}, killed at {crash_at}: {record:#?}");
            assert_eq!(life.sim.started(), started, "{story}, killed at {crash_at}");
            assert_eq!(life.sim.dead, 0, "{story}, killed at {crash_at}");
            assert_eq!(record.before, before, "{story}, killed at {crash_at}");
        }
    }
}

fn document(which: &str) -> String {
    if which == "?" { "plumb-approval".to_owned() } else { format!("plumb-bucket-public-access{which}") }
}

/// Something that happens in the model.
#[derive(Debug, Clone)]
enum Op {
    Deliver { pick: usize, crash: usize },
    Lose(usize),
    Double(usize),
    EndRunbooks(Will),
    Judge,
    Sweep { milliseconds: i64, crash: usize },
    Answer(usize, Said),
    Edit(&'static str),
    Report(usize),
    Break(usize),
    Pass(i64),
    Mode(Mode),
    Waive(Option<usize>),
    RollBack(usize),
    Clear(usize),
    Fail(&'static str, plumb_ports::Class, &'static str),
}

const BUCKETS: [&str; 3] = ["one", "two", "three"];

fn ops() -> impl Strategy<Value = Op> {
    let bucket = 0_usize..BUCKETS.len();
    let failures = select(vec![
        (
            "ssm:StartAutomationExecution",
            plumb_ports::Class::Retry,
            "AutomationExecutionLimitExceededException",
        ),
        (
            "ssm:StartAutomationExecution",
            plumb_ports::Class::Permanent,
            "InvalidAutomationExecutionParametersException",
        ),
        ("ssm:GetAutomationExecution", plumb_ports::Class::Retry, "ThrottlingException"),
        ("dynamodb:TransactWriteItems", plumb_ports::Class::Ambiguous, "timeout"),
        ("dynamodb:PutItem", plumb_ports::Class::Retry, "ThrottlingException"),
        ("dynamodb:BatchGetItem", plumb_ports::Class::Retry, "ThrottlingException"),
        ("config:StartConfigRulesEvaluation", plumb_ports::Class::Retry, "LimitExceededException"),
        ("ssm:DescribeDocument", plumb_ports::Class::Retry, "ThrottlingException"),
        ("ssm:StopAutomationExecution", plumb_ports::Class::Retry, "ThrottlingException"),
        ("config:GetComplianceDetailsByConfigRule", plumb_ports::Class::Retry, "ThrottlingException"),
        ("tag:GetResources", plumb_ports::Class::Denied, "AccessDeniedException"),
        ("sqs:SendMessage", plumb_ports::Class::Retry, "ThrottlingException"),
    ]);
    let crash = || prop_oneof![3 => Just(NEVER), 1 => 0_usize..20];
    let said = select(vec![Said::Yes, Said::Yes, Said::No, Said::Nothing]);
    prop_oneof![
        12 => (0_usize..8, crash()).prop_map(|(pick, crash)| Op::Deliver { pick, crash }),
        1 => (0_usize..8).prop_map(Op::Lose),
        1 => (0_usize..8).prop_map(Op::Double),
        3 => select(vec![Will::Succeed, Will::Succeed, Will::Fail, Will::Pretend]).prop_map(Op::EndRunbooks),
        3 => Just(Op::Judge),
        2 => (select(vec![5_i64, 40, 900_000]), prop_oneof![2 => Just(NEVER), 1 => 0_usize..160])
            .prop_map(|(milliseconds, crash)| Op::Sweep { milliseconds, crash }),
        3 => (0_usize..3, said).prop_map(|(pick, said)| Op::Answer(pick, said)),
        1 => select(vec!["as reviewed", "as edited"]).prop_map(Op::Edit),
        2 => bucket.clone().prop_map(Op::Report),
        1 => bucket.clone().prop_map(Op::Break),
        4 => select(vec![1_i64, 61, 181, 700, 3_601, 90_000, -5]).prop_map(Op::Pass),
        1 => select(vec![Mode::Notify, Mode::Auto, Mode::Approve, Mode::Approve, Mode::Off]).prop_map(Op::Mode),
        1 => prop::option::of(bucket.clone()).prop_map(Op::Waive),
        1 => bucket.clone().prop_map(Op::RollBack),
        1 => bucket.prop_map(Op::Clear),
        1 => failures.prop_map(|(operation, class, code)| Op::Fail(operation, class, code)),
    ]
}

fn apply(sim: &mut Sim, op: &Op) {
    match op {
        Op::Deliver { pick, crash } => {
            sim.deliver(*pick, *crash);
        }
        Op::Lose(pick) => sim.lose(*pick),
        Op::Double(pick) => sim.double(*pick),
        Op::EndRunbooks(will) => {
            sim.will = *will;
            sim.end_runbooks();
        }
        Op::Judge => sim.judge(),
        Op::Sweep { milliseconds, crash } => {
            sim.sweep(SignedDuration::from_millis(*milliseconds), *crash);
        }
        Op::Answer(pick, said) => sim.answer(*pick, *said),
        Op::Edit(content) => sim.memory.world().content = Some((*content).to_owned()),
        Op::Report(bucket) => sim.report(BUCKETS[*bucket]),
        Op::Break(bucket) => drop(sim.violating.insert(BUCKETS[*bucket].to_owned(), true)),
        Op::Pass(seconds) => {
            // A runbook does not run for hours.
            if *seconds > 600 {
                sim.end_runbooks();
            }
            pass(*seconds);
        }
        Op::Mode(mode) => sim.memory.world().policy.as_mut().unwrap().mode = *mode,
        Op::Waive(bucket) => {
            let expires = time() + SignedDuration::from_hours(1_000);
            let waivers = bucket.map(|bucket| Waiver {
                selector: Selector { resource: Some(BUCKETS[bucket].to_owned()), ..Selector::default() },
                owner: "alex".to_owned(),
                reason: "it is meant to".to_owned(),
                expires,
            });
            sim.memory.world().policy.as_mut().unwrap().waivers = waivers.into_iter().collect();
        }
        Op::RollBack(bucket) => sim.ask("Plumb Rollback Requested", BUCKETS[*bucket]),
        Op::Clear(bucket) => sim.ask("Plumb Clear Requested", BUCKETS[*bucket]),
        Op::Fail(operation, class, code) => {
            let mut world = sim.memory.world();
            if world.failures.len() < 3 {
                world.failures.push((*operation, *class, *code));
            }
        }
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    let mode = select(vec![Mode::Auto, Mode::Approve]);
    (1_u32..4, 1_u32..4, 1_u32..4, any::<bool>(), select(vec![0_u32, 60, 900]), mode).prop_map(
        |(attempts, per_hour, running, undo, cooldown_seconds, mode)| Policy {
            limits: Limits {
                attempts,
                cooldown_seconds,
                per_hour: PerHour { control: per_hour, ..PerHour::default() },
                running,
                flapping: FlappingLimits { fixes: 4, hours: 24 },
                ..Limits::default()
            },
            rollback: RollbackRules { on_failed_verification: undo },
            ..policy(mode)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_limit_is_exceeded_nothing_is_doubled_and_everything_ends(
        policy in policies(), ops in prop::collection::vec(ops(), 0..120),
        at_last in select(vec![Mode::Auto, Mode::Approve]),
    ) {
        let mut sim = Sim::new(policy, &BUCKETS);
        sim.judge();
        for op in ops {
            apply(&mut sim, &op);
            sim.check();
        }
        // From now on nothing goes wrong, and whoever is asked says yes.
        sim.memory.world().failures.clear();
        sim.memory.world().policy.as_mut().unwrap().mode = at_last;
        sim.will = Will::Succeed;
        for _ in 0..60 {
            sim.fair_hour();
        }
        for bucket in BUCKETS {
            let Some(record) = sim.record(bucket) else {
                // Nothing was ever reported of it but what its waiver stopped.
                let waived = !sim.memory.world().policy.as_ref().unwrap().waivers.is_empty();
                prop_assert!(waived || !sim.violating[bucket], "{} is not accounted for", bucket);
                continue;
            };
            prop_assert!(!record.state.is_open(), "{} never ends: {:#?}", bucket, record);
            let accounted = match record.state {
                State::Fixed | State::Unneeded => !sim.violating[bucket],
                State::Escalated | State::RolledBack => true,
                // A waiver keeps what it covers as it was.
                _ => !sim.memory.world().policy.as_ref().unwrap().waivers.is_empty() || !sim.violating[bucket],
            };
            let waived = !sim.memory.world().policy.as_ref().unwrap().waivers.is_empty();
            prop_assert!(accounted || waived, "{} is not accounted for: {:#?}", bucket, record);
        }
    }
}
