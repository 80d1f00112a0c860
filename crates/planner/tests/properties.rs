//! What holds for every decision, whatever the policy, the finding and the record.

#![expect(clippy::unwrap_used, reason = "a test may")]
use jiff::Timestamp;
use plumb_model::{
    AccountId, Arn, Calendar, CalendarRule, Control, ControlId, Decision, Deployment, Finding, Iac, Limits,
    Members, Mode, ModeRule, Outcome, Pillar, Policy, Region, Remediation, ResourceRef, Reversibility,
    RunbookParameter, Scope, Selector, Severity, Source, Standing, State, Tags, Waiver, Window,
};
use plumb_planner::{Fact, Facts, Plan, plan, plan_rollback};
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
        arn: Arn::Pattern("arn:${AWS::Partition}:s3:::{{resource.id}}"),
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
        members: Members::Nobody,
        role_path: "/".into(),
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
        prop::option::weighted(0.3, select(vec!["prod", "dev", "*"])),
    )
        .prop_map(|(control, resource, pillar, env)| Selector {
            control,
            resource,
            pillar,
            tags: env.map(|env| ("env".to_owned(), env.to_owned())).into_iter().collect(),
            ..Selector::default()
        })
}

fn rules() -> impl Strategy<Value = Vec<ModeRule>> {
    let rule = (selectors(), modes()).prop_map(|(selector, mode)| ModeRule { selector, mode });
    prop::collection::vec(rule, 0..4)
}

fn waivers() -> impl Strategy<Value = Waiver> {
    (selectors(), times()).prop_map(|(selector, expires)| Waiver {
        selector,
        owner: "o".into(),
        reason: "r".into(),
        expires,
    })
}

fn windows() -> impl Strategy<Value = Window> {
    // `NOW` is a Friday, 08:00 UTC.
    let spans =
        select(vec![r"{}", r#"{"days":["fri"]}"#, r#"{"days":["sun"]}"#, r#"{"from":"09:00","to":"10:00"}"#]);
    (selectors(), spans).prop_map(|(selector, span)| Window {
        selector,
        zone: "UTC".into(),
        open: vec![serde_json::from_str(span).unwrap()],
    })
}

fn calendars() -> impl Strategy<Value = CalendarRule> {
    (selectors(), select(vec!["open", "closed"]))
        .prop_map(|(selector, name)| CalendarRule { selector, calendar: name.into() })
}

/// What the resource carries.
fn tags() -> impl Strategy<Value = Tags> {
    (
        prop::option::of(select(vec!["prod", "dev"])),
        prop::option::weighted(0.3, select(vec!["aws:cloudformation:stack-name", "managed-by"])),
    )
        .prop_map(|(env, owner)| {
            let env = env.map(|env| ("env".to_owned(), env.to_owned()));
            env.into_iter().chain(owner.map(|key| (key.to_owned(), "terraform".to_owned()))).collect()
        })
}

prop_compose! {
    fn policies()(
        mode in modes(),
        rules in rules(),
        include in prop::collection::vec(selectors(), 0..2),
        exclude in prop::collection::vec(selectors(), 0..2),
        waivers in prop::collection::vec(waivers(), 0..3),
        (iac_mode, iac_rules, iac_tag) in (modes(), rules(), any::<bool>()),
        windows in prop::collection::vec(windows(), 0..2),
        calendars in prop::collection::vec(calendars(), 0..2),
        attempts in 1_u32..5,
        cooldown_seconds in 0_u32..100_000,
    ) -> Policy {
        Policy {
            mode,
            rules,
            scope: Scope { include, exclude },
            waivers,
            iac: Iac {
                mode: iac_mode,
                rules: iac_rules,
                tags: iac_tag.then(|| ("managed-by".to_owned(), "terraform".to_owned())).into_iter().collect(),
            },
            windows,
            calendars,
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
            sender: None,
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

/// Plans as `remediate` does, reading each fact that the plan asks for. None is asked for twice.
fn decide(
    control: &Control,
    policy: &Policy,
    finding: &Finding,
    prior: Option<&Remediation>,
    tags: &Tags,
) -> Decision {
    let mut facts = Facts { prior: prior.cloned(), ..Facts::new(deployment()) };
    let mut asked = Vec::new();
    loop {
        match plan(control, policy, finding, &facts, time(NOW)) {
            Plan::Decided(decision) => return decision,
            Plan::Needs(fact) => {
                assert!(!asked.contains(&fact), "asked twice for {fact:?}");
                asked.push(fact.clone());
                match fact {
                    Fact::Tags => facts.tags = Some(tags.clone()),
                    Fact::Document(name, version) => {
                        facts.documents.insert((name, version), None);
                    }
                    Fact::Calendar(name) => {
                        let open = name == "open";
                        facts.calendars.insert(name, Calendar { open, until: None });
                    }
                }
            }
        }
    }
}

/// How much a decision does to a resource.
fn does(decision: &Decision) -> u8 {
    match decision.outcome {
        Outcome::Start => 2,
        Outcome::Approve => 1,
        Outcome::Notify
        | Outcome::Defer
        | Outcome::Decline
        | Outcome::Escalate
        | Outcome::Reopen
        | Outcome::Skip
        | Outcome::Ignore
        | Outcome::Reject => 0,
    }
}

/// Something that a careful person adds to a policy.
#[derive(Debug, Clone)]
enum Caution {
    Waive(Waiver),
    Exclude(Selector),
    Off(Selector),
    IacOff(Selector),
    Shut(Window),
    Ask(CalendarRule),
    Lower,
}

fn cautions() -> impl Strategy<Value = Caution> {
    prop_oneof![
        waivers().prop_map(Caution::Waive),
        selectors().prop_map(Caution::Exclude),
        selectors().prop_map(Caution::Off),
        selectors().prop_map(Caution::IacOff),
        windows().prop_map(Caution::Shut),
        calendars().prop_map(Caution::Ask),
        Just(Caution::Lower),
    ]
}

impl Caution {
    fn added_to(self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        let lower = |mode| match mode {
            Mode::Auto => Mode::Approve,
            Mode::Approve => Mode::Notify,
            Mode::Notify | Mode::Off => Mode::Off,
        };
        match self {
            Self::Waive(waiver) => policy.waivers.push(waiver),
            Self::Exclude(selector) => policy.scope.exclude.push(selector),
            Self::Off(selector) => policy.rules.push(ModeRule { selector, mode: Mode::Off }),
            Self::IacOff(selector) => policy.iac.rules.push(ModeRule { selector, mode: Mode::Off }),
            Self::Shut(window) => policy.windows.push(window),
            Self::Ask(rule) => policy.calendars.push(rule),
            Self::Lower => {
                policy.mode = lower(policy.mode);
                for rule in &mut policy.rules {
                    rule.mode = lower(rule.mode);
                }
            }
        }
        policy
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn a_decision_is_the_same_every_time_and_says_why(
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let once = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        let again = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        prop_assert_eq!(&once, &again);
        prop_assert!(!once.reason.is_empty());
        let stops = once.verdicts.iter().filter(|verdict| !verdict.passed).count();
        prop_assert!(stops <= 1);
        prop_assert_eq!(once.action.is_some(), stops == 0);
    }

    #[test]
    fn a_start_needs_auto_from_policy_and_control_and_a_change_that_can_be_undone(
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        if decision.outcome == Outcome::Start {
            let candidate = policy.candidate(&control, &finding.resource, Some(&tags));
            prop_assert_eq!(policy.ruling(&candidate).unwrap().mode, Mode::Auto);
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
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        let candidate = policy.candidate(&control, &finding.resource, Some(&tags));
        if policy.waiver_for(&candidate, time(NOW)).unwrap().is_some() {
            prop_assert!(matches!(decision.outcome, Outcome::Skip | Outcome::Ignore), "{:?}", decision);
        }
    }

    #[test]
    fn the_default_policy_never_starts_anything(
        control in controls(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &Policy::default(), &finding, prior.as_ref(), &tags);
        prop_assert!(!matches!(decision.outcome, Outcome::Start | Outcome::Approve));
    }

    #[test]
    fn nothing_is_started_beside_work_under_way_or_against_a_closed_door(
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let Some(prior) = prior.map(|prior| record(&finding, prior)) else { return Ok(()) };
        let decision = decide(&control, &policy, &finding, Some(&prior), &tags);
        let shut = matches!(
            prior.state, State::Running | State::RollingBack | State::RolledBack | State::Escalated
        ) || (prior.state == State::Failed && prior.attempts >= policy.limits.attempts);
        if shut {
            prop_assert_ne!(decision.outcome, Outcome::Start);
        }
    }

    #[test]
    fn only_an_unstarted_claim_is_taken_up_under_its_own_token(
        policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let control = control(Mode::Auto, Reversibility::Full);
        let Some(prior) = prior.map(|prior| record(&finding, prior)) else { return Ok(()) };
        let decision = decide(&control, &policy, &finding, Some(&prior), &tags);
        let Some(action) = decision.action else { return Ok(()) };
        let same = action.generation == prior.generation;
        prop_assert_eq!(same, prior.state == State::Planned);
        prop_assert!(action.generation == prior.generation || action.generation == prior.generation + 1);
    }

    #[test]
    fn a_rollback_needs_a_change_and_its_capture(control in controls(), finding in findings(), prior in priors()) {
        let Some(prior) = prior.map(|prior| record(&finding, prior)) else { return Ok(()) };
        let decision = plan_rollback(&control, &deployment(), &prior, prior.generation);
        let late = plan_rollback(&control, &deployment(), &prior, prior.generation + 1);
        prop_assert!(late.action.is_none(), "an attempt that nobody asked about is left alone");
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

    #[test]
    fn a_waiver_wins_over_whatever_else_the_policy_says(
        policy in policies(), finding in findings(), prior in priors(), tags in tags(), selector in selectors(),
    ) {
        let control = control(Mode::Auto, Reversibility::Full);
        let waiver =
            Waiver { selector, owner: "o".into(), reason: "r".into(), expires: time(NOW + 1) };
        let covered = waiver.selector.matches(&policy.candidate(&control, &finding.resource, Some(&tags)));
        let policy = Caution::Waive(waiver).added_to(&policy);
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        if covered == Ok(true) {
            prop_assert!(matches!(decision.outcome, Outcome::Skip | Outcome::Ignore), "{:?}", decision);
        }
    }

    #[test]
    fn a_control_is_never_taken_beyond_its_ceiling(
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let decision = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        let allowed = match control.ceiling() {
            Mode::Auto => 2,
            Mode::Approve => 1,
            Mode::Notify | Mode::Off => 0,
        };
        prop_assert!(does(&decision) <= allowed, "{:?}", decision);
    }

    #[test]
    fn caution_never_makes_plumb_do_more(
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
        caution in cautions(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let before = decide(&control, &policy, &finding, prior.as_ref(), &tags);
        let after = decide(&control, &caution.added_to(&policy), &finding, prior.as_ref(), &tags);
        prop_assert!(does(&after) <= does(&before), "{:?} became {:?}", before, after);
    }

    #[test]
    fn what_is_decided_without_reading_tags_does_not_depend_on_them(
        control in controls(), policy in policies(), finding in findings(), prior in priors(), tags in tags(),
    ) {
        let prior = prior.map(|prior| record(&finding, prior));
        let calendars = ["open", "closed"].map(|name| (name.to_owned(), Calendar { open: name == "open", until: None }));
        let facts = Facts { prior, calendars: calendars.into(), ..Facts::new(deployment()) };
        let blind = plan(&control, &policy, &finding, &facts, time(NOW));
        if let Plan::Decided(_) = blind {
            let seeing = Facts { tags: Some(tags), ..facts };
            prop_assert_eq!(blind, plan(&control, &policy, &finding, &seeing, time(NOW)));
        }
    }

    #[test]
    fn a_dry_run_policy_without_tags_reads_nothing(control in controls(), finding in findings(), prior in priors()) {
        let prior = prior.map(|prior| record(&finding, prior));
        let facts = Facts { prior, ..Facts::new(deployment()) };
        let plan = plan(&control, &Policy::default(), &finding, &facts, time(NOW));
        prop_assert!(matches!(plan, Plan::Decided(_)));
    }
}
