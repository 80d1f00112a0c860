//! What holds for every decision, whatever the policy, the finding and the record.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may")]
use jiff::Timestamp;
use plumb_model::{
    AccountId, Control, ControlId, Decision, Deployment, Finding, Limits, Mode, ModeRule, Outcome, Pillar,
    Policy, Region, Remediation, ResourceRef, Reversibility, RunbookParameter, Selector, Severity, Source,
    Standing, State, Waiver,
};
use plumb_planner::{Facts, Plan, plan, plan_rollback};
use proptest::{prelude::*, sample::select};

const NOW: i64 = 1_800_000_000;

fn control(safety: Mode, reversibility: Reversibility) -> Control {
    Control {
        id: "bucket-public-access",
        service: "s3",
        title: "a title",
        why: "a reason",
        pillar: Pillar::Security,
        best_practices: &[],
        severity: Severity::High,
        resource_type: "AWS::S3::Bucket",
        config_rules: &[],
        custom_rule: None,
        security_hub: &[],
        api_calls: &[],
        parameters: &[
            RunbookParameter { name: "BucketName", value: "{{resource.id}}" },
            RunbookParameter { name: "Depth", value: "full" },
        ],
        safety,
        disruption: "none",
        cost: "none",
        reversibility,
        reversibility_note: "",
    }
}

fn deployment() -> Deployment {
    Deployment {
        partition: "aws".into(),
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse("eu-west-1").unwrap(),
        prefix: "plumb".into(),
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn modes() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Off, Mode::Notify, Mode::Approve, Mode::Auto])
}

fn times() -> impl Strategy<Value = Timestamp> {
    (NOW - 100_000..NOW + 100_000).prop_map(time)
}

fn selectors() -> impl Strategy<Value = Selector> {
    (
        prop::option::of(select(vec!["bucket-public-access".to_owned(), "other".to_owned()])),
        prop::option::of(select(vec![
            "*".to_owned(),
            "web-?".to_owned(),
            "web-1".to_owned(),
            "x*y*z".to_owned(),
        ])),
        prop::option::of(select(vec![Pillar::Security, Pillar::Reliability])),
    )
        .prop_map(|(control, resource, pillar)| Selector {
            control,
            resource,
            pillar,
            ..Selector::default()
        })
}

prop_compose! {
    fn policies()(
        mode in modes(),
        rules in prop::collection::vec((selectors(), modes()), 0..4),
        waivers in prop::collection::vec((selectors(), times()), 0..3),
        attempts in 1_u32..5,
        cooldown_seconds in 0_u32..100_000,
    ) -> Policy {
        Policy {
            mode,
            rules: rules.into_iter().map(|(selector, mode)| ModeRule { selector, mode }).collect(),
            waivers: waivers
                .into_iter()
                .map(|(selector, expires)| Waiver { selector, owner: "o".into(), reason: "r".into(), expires })
                .collect(),
            limits: Limits { attempts, cooldown_seconds, ..Limits::default() },
            ..Policy::default()
        }
    }
}

fn controls() -> impl Strategy<Value = Control> {
    (modes(), select(vec![Reversibility::Full, Reversibility::Partial, Reversibility::None]))
        .prop_map(|(safety, reversibility)| control(safety, reversibility))
}

prop_compose! {
    fn findings()(
        id in select(vec!["web-1", "web-22", "logs"]),
        account in select(vec!["123456789012", "210987654321"]),
        region in select(vec!["eu-west-1", "us-east-1"]),
        kind in select(vec!["AWS::S3::Bucket", "AWS::KMS::Key"]),
        standing in select(vec![
            Standing::Violating, Standing::Violating, Standing::Violating, Standing::Compliant, Standing::Deleted,
            Standing::CallFailed { code: "AccessDenied".into() }, Standing::Closed { why: "archived".into() },
        ]),
        observed_at in prop::option::of(times()),
    ) -> Finding {
        Finding {
            control: ControlId::parse("bucket-public-access").unwrap(),
            resource: ResourceRef {
                account: AccountId::parse(account).unwrap(),
                region: Region::parse(region).unwrap(),
                kind: kind.into(),
                id: id.into(),
            },
            source: Source::ConfigRule { rule: "a-rule".into() },
            standing,
            observed_at,
            event_id: None,
        }
    }
}

fn states() -> impl Strategy<Value = State> {
    select(State::ALL.to_vec())
}

type Prior = (State, u64, u32, Timestamp, bool);

fn priors() -> impl Strategy<Value = Option<Prior>> {
    prop::option::of((states(), 0_u64..5, 0_u32..6, times(), any::<bool>()))
}

fn record(finding: &Finding, (state, generation, attempts, updated_at, captured): Prior) -> Remediation {
    Remediation {
        generation,
        state,
        attempts,
        before: captured.then(|| "{}".into()),
        ..Remediation::seen(
            finding.control.clone(),
            finding.resource.clone(),
            finding.source.clone(),
            updated_at,
        )
    }
}

/// With every fact at hand that the policies above use.
fn decide(control: &Control, policy: &Policy, finding: &Finding, prior: Option<&Remediation>) -> Decision {
    let facts = Facts { prior: prior.cloned(), ..Facts::new(deployment()) };
    match plan(control, policy, finding, &facts, time(NOW)) {
        Plan::Decided(decision) => decision,
        Plan::Needs(fact) => panic!("depends on {fact:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_decision_is_the_same_every_time_and_says_why(
        control in controls(), policy in policies(), finding in findings(), prior in priors(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let once = decide(&control, &policy, &finding, prior.as_ref());
        let again = decide(&control, &policy, &finding, prior.as_ref());
        prop_assert_eq!(&once, &again);
        prop_assert!(!once.reason.is_empty());
        let stops = once.verdicts.iter().filter(|verdict| !verdict.passed).count();
        prop_assert!(stops <= 1);
        prop_assert_eq!(once.action.is_some(), stops == 0);
    }

    #[test]
    fn a_start_needs_auto_from_policy_and_control_and_a_change_that_can_be_undone(
        control in controls(), policy in policies(), finding in findings(), prior in priors(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &policy, &finding, prior.as_ref());
        if decision.outcome == Outcome::Start {
            prop_assert_eq!(policy.mode_for(&control, &finding.resource), Mode::Auto);
            prop_assert_eq!(control.safety, Mode::Auto);
            prop_assert_ne!(control.reversibility, Reversibility::None);
            prop_assert_eq!(&finding.standing, &Standing::Violating);
            prop_assert_eq!(&finding.resource.account, &deployment().account);
            prop_assert_eq!(&finding.resource.region, &deployment().region);
            prop_assert_eq!(finding.resource.kind.as_str(), control.resource_type);
        }
    }

    #[test]
    fn a_waiver_in_force_always_wins(
        control in controls(), policy in policies(), finding in findings(), prior in priors(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &policy, &finding, prior.as_ref());
        if policy.waiver_for(&control, &finding.resource, time(NOW)).is_some() {
            prop_assert!(matches!(decision.outcome, Outcome::Skip | Outcome::Ignore), "{:?}", decision);
        }
    }

    #[test]
    fn the_default_policy_never_starts_anything(
        control in controls(), finding in findings(), prior in priors(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &Policy::default(), &finding, prior.as_ref());
        prop_assert!(!matches!(decision.outcome, Outcome::Start | Outcome::Approve));
    }

    #[test]
    fn nothing_is_started_beside_work_under_way_or_against_a_closed_door(
        control in controls(), policy in policies(), finding in findings(), prior in priors(),
    ) {
        let Some(prior) = prior.map(|prior| record(&finding, prior)) else { return Ok(()) };
        let decision = decide(&control, &policy, &finding, Some(&prior));
        let shut = matches!(
            prior.state, State::Running | State::RollingBack | State::RolledBack | State::Escalated
        ) || (prior.state == State::Failed && prior.attempts >= policy.limits.attempts);
        if shut {
            prop_assert_ne!(decision.outcome, Outcome::Start);
        }
    }

    #[test]
    fn only_an_unstarted_claim_is_taken_up_under_its_own_token(
        policy in policies(), finding in findings(), prior in priors(),
    ) {
        let control = control(Mode::Auto, Reversibility::Full);
        let Some(prior) = prior.map(|prior| record(&finding, prior)) else { return Ok(()) };
        let decision = decide(&control, &policy, &finding, Some(&prior));
        let Some(action) = decision.action else { return Ok(()) };
        let same = action.generation == prior.generation;
        prop_assert_eq!(same, prior.state == State::Planned);
        prop_assert!(action.generation == prior.generation || action.generation == prior.generation + 1);
    }

    #[test]
    fn a_rollback_needs_a_change_and_its_capture(control in controls(), finding in findings(), prior in priors()) {
        let Some(prior) = prior.map(|prior| record(&finding, prior)) else { return Ok(()) };
        let decision = plan_rollback(&control, &deployment(), &prior);
        if decision.outcome == Outcome::Start {
            prop_assert!(prior.before.is_some());
            prop_assert_ne!(control.reversibility, Reversibility::None);
            let action = decision.action.expect("a start has an action");
            // What names the resource, what was captured, and the role: not how it was to be fixed.
            let given: Vec<_> = action.parameters.keys().map(String::as_str).collect();
            prop_assert_eq!(given, ["AutomationAssumeRole", "Before", "BucketName"]);
            prop_assert!(action.document.ends_with("-rollback"));
        }
    }
}
