//! The life of remediations when everything goes wrong: functions killed at every point, lost, doubled and late messages, runbooks
//! that fail or lie, people who change their mind, and a clock that jumps.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

mod crashing;
mod sim;

use jiff::SignedDuration;
use plumb_model::{FlappingLimits, Limits, Mode, PerHour, Policy, RollbackRules, Selector, State, Waiver};
use proptest::{prelude::*, sample::select};

use sim::{Sim, Will, pass, time};

const NEVER: usize = usize::MAX;

fn auto() -> Policy {
    Policy { mode: Mode::Auto, ..Policy::default() }
}

/// One remediation from the finding to its end, and then a rollback; a function dies once, at a point counted over the whole
/// path. Whether it got that far.
fn whole_life(crash_at: usize) -> (Sim, bool) {
    let mut sim = Sim::new(auto(), &["one"]);
    let (mut left, mut died) = (crash_at, false);
    let mut hour = |sim: &mut Sim| {
        for _ in 0..20 {
            loop {
                let (found, dead) = sim.deliver(0, if died { NEVER } else { left });
                sim.check();
                died |= dead;
                if !found {
                    break;
                }
                // Points of a path that was not cut short are behind us: 2 a call, of which the memory keeps no count, so
                // each delivery tries its own.
                left = left.saturating_sub(40);
            }
            sim.end_runbooks();
            sim.judge();
            pass(180);
        }
        sim.sweep();
    };
    sim.judge();
    hour(&mut sim);
    hour(&mut sim);
    sim.ask("Plumb Rollback Requested", "one");
    hour(&mut sim);
    hour(&mut sim);
    (sim, died)
}

#[test]
fn a_function_killed_at_any_point_loses_nothing_and_doubles_nothing() {
    let (calm, died) = whole_life(NEVER);
    assert!(!died);
    let expected = calm.record("one").unwrap();
    assert_eq!(expected.state, State::RolledBack);
    let mut deaths = 0;
    // Each delivery of the path takes its turn: 40 points are more than any one has.
    for crash_at in 0..800 {
        let (sim, died) = whole_life(crash_at);
        deaths += usize::from(died);
        let record = sim.record("one").unwrap();
        assert_eq!(record.state, State::RolledBack, "killed at {crash_at}: {}", record.reason);
        assert_eq!(record.generation, 1, "killed at {crash_at}");
        assert_eq!(sim.memory.world().started.len(), 2, "one fix and one rollback, killed at {crash_at}");
        assert_eq!(sim.dead, 0, "killed at {crash_at}");
        assert_eq!(record.before, expected.before, "killed at {crash_at}");
    }
    assert!(deaths >= 30, "only {deaths} of the points were reached");
}

/// Something that happens in the model.
#[derive(Debug, Clone)]
enum Op {
    Deliver { pick: usize, crash: usize },
    Lose(usize),
    Double(usize),
    EndRunbooks(Will),
    Judge,
    Sweep,
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
        ("sqs:SendMessage", plumb_ports::Class::Retry, "ThrottlingException"),
    ]);
    prop_oneof![
        12 => (0_usize..8, prop_oneof![3 => Just(NEVER), 1 => 0_usize..20])
            .prop_map(|(pick, crash)| Op::Deliver { pick, crash }),
        1 => (0_usize..8).prop_map(Op::Lose),
        1 => (0_usize..8).prop_map(Op::Double),
        3 => select(vec![Will::Succeed, Will::Succeed, Will::Fail, Will::Pretend]).prop_map(Op::EndRunbooks),
        3 => Just(Op::Judge),
        2 => Just(Op::Sweep),
        2 => bucket.clone().prop_map(Op::Report),
        1 => bucket.clone().prop_map(Op::Break),
        4 => select(vec![1_i64, 61, 181, 700, 3_601, 90_000, -5]).prop_map(Op::Pass),
        1 => select(vec![Mode::Notify, Mode::Auto, Mode::Auto, Mode::Off]).prop_map(Op::Mode),
        1 => prop::option::of(bucket.clone()).prop_map(Op::Waive),
        1 => bucket.clone().prop_map(Op::RollBack),
        1 => bucket.prop_map(Op::Clear),
        1 => failures.prop_map(|(operation, class, code)| Op::Fail(operation, class, code)),
    ]
}

fn apply(sim: &mut Sim, op: &Op) {
    match op {
        Op::Deliver { pick, crash } => drop(sim.deliver(*pick, *crash)),
        Op::Lose(pick) => sim.lose(*pick),
        Op::Double(pick) => sim.double(*pick),
        Op::EndRunbooks(will) => {
            sim.will = *will;
            sim.end_runbooks();
        }
        Op::Judge => sim.judge(),
        Op::Sweep => sim.sweep(),
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
    (1_u32..4, 1_u32..4, 1_u32..4, any::<bool>(), select(vec![0_u32, 60, 900])).prop_map(
        |(attempts, per_hour, running, undo, cooldown_seconds)| Policy {
            limits: Limits {
                attempts,
                cooldown_seconds,
                per_hour: PerHour { control: per_hour, ..PerHour::default() },
                running,
                flapping: FlappingLimits { fixes: 4, hours: 24 },
                ..Limits::default()
            },
            rollback: RollbackRules { on_failed_verification: undo },
            ..auto()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_limit_is_exceeded_nothing_is_doubled_and_everything_ends(
        policy in policies(), ops in prop::collection::vec(ops(), 0..120),
    ) {
        let mut sim = Sim::new(policy, &BUCKETS);
        sim.judge();
        for op in ops {
            apply(&mut sim, &op);
            sim.check();
        }
        // From now on nothing goes wrong.
        sim.memory.world().failures.clear();
        sim.memory.world().policy.as_mut().unwrap().mode = Mode::Auto;
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
