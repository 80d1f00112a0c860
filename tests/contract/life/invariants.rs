//! What always holds, whatever has happened so far.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plumb_model::{Action, Answer, Counter, Hour, Mode, Policy, State};
use plumb_planner::approval::terms;
use plumb_tests::{World, deployment};

use crate::sim::{CONTROL, is_question, key};

/// What was looked at so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The questions that people have said yes to, by execution.
    pub(crate) approved: BTreeSet<String>,
    /// The yeses that were carried out.
    carried_out: BTreeSet<String>,
    /// How many of the runbooks that were started.
    starts: usize,
}

impl Seen {
    pub(crate) fn check(&mut self, world: &World, now: Timestamp) {
        let Some(policy) = &world.policy else { return };
        one_at_a_time(world);
        within_limits(world, policy);
        nothing_is_forgotten(world);
        for (_, action) in world.started.iter().skip(self.starts) {
            if deployment().asks(&action.document) || action.document.ends_with("-rollback") {
                continue;
            }
            not_waived(action, policy, now);
            if policy.mode == Mode::Approve {
                self.as_approved(action, world);
            }
        }
        self.starts = world.started.len();
    }

    /// What was started is exactly what a person said yes to, in time, and for the first time.
    fn as_approved(&mut self, action: &Action, world: &World) {
        let bucket = bucket(action);
        let mut claims = world.writes.iter().filter(|write| {
            let same = write.resource.id == bucket && write.generation == action.generation;
            same && write.state == State::Planned
        });
        let claim = claims.next().ok_or(action).expect("the claim comes before the start");
        let approval = claim.approval.as_ref().ok_or(claim).expect("somebody was asked");
        let question = approval.execution_id.as_deref().unwrap_or_default();
        assert!(approval.answer == Some(Answer::Approved), "nobody said yes: {approval:#?}");
        assert!(self.approved.contains(question), "nobody said yes to this: {approval:#?}");
        assert!(claim.updated_at < approval.expires_at, "the yes had expired: {claim:#?}");
        let content = world.content.as_deref().unwrap_or_default();
        assert_eq!(approval.hash, terms(&key(bucket), action, content), "not what was approved");
        assert!(self.carried_out.insert(question.to_owned()), "carried out twice: {approval:#?}");
    }
}

/// Never two at once on one resource; never two for one claim.
fn one_at_a_time(world: &World) {
    let mut busy: BTreeMap<&str, usize> = BTreeMap::new();
    let running = world.executions.values().filter(|execution| execution.status == "InProgress");
    for execution in running.filter(|execution| !is_question(execution)) {
        *busy.entry(execution.parameters["BucketName"][0].as_str()).or_default() += 1;
    }
    assert!(busy.values().all(|at_once| *at_once == 1), "two runbooks on one bucket: {busy:?}");
    let mut claims = BTreeSet::new();
    for (_, action) in &world.started {
        let fixes = !deployment().asks(&action.document) && !action.document.ends_with("-rollback");
        assert!(
            !fixes || claims.insert((bucket(action), action.generation)),
            "two fixes for one claim: {action:#?}"
        );
    }
}

/// What is counted is what is so, and never more than the policy allows.
fn within_limits(world: &World, policy: &Policy) {
    let held = world.records.values().filter(|record| record.state.holds_a_place()).count();
    let place = Counter::Running(deployment().account, deployment().region).key();
    let counted = world.counters.get(&place).map_or(0, |counted| counted.taken);
    assert_eq!(counted, i64::try_from(held).unwrap(), "places");
    let most = usize::try_from(policy.limits.at_a_time()).unwrap();
    let fixing = world.records.values().filter(|r| matches!(r.state, State::Planned | State::Running));
    assert!(fixing.count() <= most, "more under way than {most}");
    let mut claims: BTreeMap<(Hour, &str), Vec<u64>> = BTreeMap::new();
    let mut claimed = BTreeSet::new();
    for write in world.writes.iter().filter(|write| write.state == State::Planned) {
        if claimed.insert((write.resource.id.as_str(), write.generation)) {
            claims.entry((Hour::of(write.updated_at), CONTROL)).or_default().push(write.generation);
        }
    }
    let most = usize::try_from(policy.limits.per_hour.control).unwrap();
    assert!(claims.values().all(|hour| hour.len() <= most), "more starts in an hour than {most}");
}

/// Nothing that someone has to come back to can be forgotten.
fn nothing_is_forgotten(world: &World) {
    for record in world.records.values() {
        let asked = record.state == State::AwaitingApproval && record.approval.is_some();
        let waits = record.state.is_open() || record.state == State::Failed || record.deferred.is_some();
        assert!(!(waits || asked) || record.due_at.is_some(), "forgotten: {record:#?}");
    }
}

/// What is waived is never fixed: not even started.
fn not_waived(action: &Action, policy: &Policy, now: Timestamp) {
    let bucket = bucket(action);
    let waived = policy
        .waivers
        .iter()
        .any(|waiver| now < waiver.expires && waiver.selector.resource.as_deref() == Some(bucket));
    assert!(!waived, "waived, and started");
}

fn bucket(action: &Action) -> &str {
    action.parameters["BucketName"][0].as_str()
}
