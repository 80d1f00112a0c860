//! `plumb gameday`: breaks the game day's own resources on purpose, and measures detection and recovery.
//!
//! What is broken is a bucket, a table and a security group of `infra/fis.yaml` that are there for nothing else. What is
//! measured is what Plumb itself told: the history's first step of each, and its last.

use std::{io::Write, time::Duration};

use jiff::{SignedDuration, Timestamp};
use plumb_aws::{HistoryTable, operator};
use plumb_model::{ControlId, Outcome, ResourceRef, State};
use serde::Serialize;

use super::{
    Gameday,
    connect::{Connection, failed},
    read_only::ReadOnly,
};
use crate::{
    failure::Failure,
    output::{json_pretty, say, word},
    table,
};

/// What is broken: the output of `infra/fis.yaml` that names it, its type, and the control that has to mend it.
const VICTIMS: [(&str, &str, &str); 3] = [
    ("VictimBucket", "AWS::S3::Bucket", "bucket-public-access"),
    ("VictimTable", "AWS::DynamoDB::Table", "table-without-recovery"),
    ("VictimGroup", "AWS::EC2::SecurityGroup", "security-group-open-admin-ports"),
];

/// How often the history is asked.
const PAUSE: Duration = Duration::from_secs(2);

/// A resource that is broken, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Victim {
    control: ControlId,
    resource: ResourceRef,
    /// Seconds from the start of the experiment until Plumb knew.
    detected_after: Option<i64>,
    /// Seconds from the start until it was fixed and verified.
    fixed_after: Option<i64>,
    /// Where it stands.
    state: Option<State>,
    reason: Option<String>,
}

/// The whole game day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Report {
    began_at: Timestamp,
    /// The FIS experiment, or the SSM execution of the document that breaks.
    experiment: String,
    victims: Vec<Victim>,
}

pub(super) async fn run(out: &mut dyn Write, asked: &Gameday, json: bool) -> Result<(), Failure> {
    let connection = Connection::open(&asked.at).await?;
    let stack = operator::stack(&connection.aws, &asked.game).await.map_err(|error| failed(&error))?;
    let stack = stack.ok_or_else(|| {
        Failure::Failed(format!(
            "there is no stack `{}`: deploy infra/fis.yaml, or name it with --game",
            asked.game
        ))
    })?;
    let output = |name: &str| {
        stack.outputs.get(name).cloned().ok_or_else(|| {
            Failure::Failed(format!(
                "the stack `{}` has no output `{name}`: it is not infra/fis.yaml's",
                asked.game
            ))
        })
    };
    let mut victims = Vec::new();
    for (name, kind, control) in VICTIMS {
        let home = connection.deployment.home();
        let resource = ResourceRef {
            account: home.account,
            region: home.region,
            kind: kind.to_owned(),
            id: output(name)?,
        };
        let control = ControlId::parse(control).map_err(|error| Failure::Failed(error.to_string()))?;
        victims.push(Victim {
            control,
            resource,
            detected_after: None,
            fixed_after: None,
            state: None,
            reason: None,
        });
    }
    ready(&connection, &victims).await?;

    let began_at = Timestamp::now();
    let experiment = if asked.without_fis {
        let given = [
            ("AutomationAssumeRole", "BreakRoleArn"),
            ("BucketName", "VictimBucket"),
            ("TableName", "VictimTable"),
            ("GroupId", "VictimGroup"),
        ];
        let mut parameters = Vec::new();
        for (parameter, name) in given {
            parameters.push((parameter, output(name)?));
        }
        operator::start_document(&connection.aws, &output("BreakDocument")?, &parameters).await
    } else {
        let template = output(if asked.throttled { "ThrottledExperiment" } else { "BreakExperiment" })?;
        operator::start_experiment(&connection.aws, &template).await
    };
    let experiment = experiment.map_err(|error| failed(&error))?;
    say(format_args!("broken on purpose by {experiment}; waiting for Plumb, {} s at most", asked.patience));

    let history = HistoryTable::new(&connection.aws, connection.output("HistoryTable")?.to_owned());
    let until = began_at + SignedDuration::from_secs(i64::from(asked.patience));
    while victims.iter().any(|victim| !is_over(victim)) && Timestamp::now() < until {
        tokio::time::sleep(PAUSE).await;
        for victim in victims.iter_mut().filter(|victim| !is_over(victim)) {
            look(&history, victim, began_at).await?;
        }
    }
    let report = Report { began_at, experiment, victims };
    if json {
        json_pretty(out, &report)?;
    } else {
        write(out, &report)?;
    }
    let lost = report.victims.iter().filter(|victim| victim.fixed_after.is_none()).count();
    match lost {
        0 => Ok(()),
        lost => Err(Failure::Failed(format!(
            "{lost} of {} were not fixed within {} s; `plumb explain` says where each stands",
            report.victims.len(),
            asked.patience
        ))),
    }
}

/// Whether Plumb would mend each: else a game day proves nothing and leaves something broken.
async fn ready(connection: &Connection, victims: &[Victim]) -> Result<(), Failure> {
    let remediate = ReadOnly::new(connection)?;
    let mut wrong = Vec::new();
    for victim in victims {
        let rule = connection.deployment.config_rule(&victim.control);
        let event = plumb_sweep::event(&rule, &victim.resource, Timestamp::now());
        let decided = remediate.decide(&event.to_string()).await?;
        match decided.iter().find(|decision| decision.control == victim.control) {
            Some(decision) if decision.outcome == Outcome::Start => {}
            Some(decision) => {
                let outcome = word(decision.outcome);
                wrong.push(format!("  {}: {outcome}: {}", victim.resource.id, decision.reason));
            }
            None => wrong.push(format!("  {}: no control listens", victim.resource.id)),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "nothing was broken, because Plumb would not mend it:\n{}\nlet the policy have a rule such as \
         `{{match: {{tags: {{'plumb:gameday': 'true'}}}}, mode: auto}}` in `rules` and in `iac.rules`",
        wrong.join("\n")
    )))
}

/// Whether there is nothing more to wait for.
fn is_over(victim: &Victim) -> bool {
    matches!(victim.state, Some(State::Fixed | State::Escalated | State::RolledBack))
}

async fn look(history: &HistoryTable<'_>, victim: &mut Victim, began_at: Timestamp) -> Result<(), Failure> {
    let steps = history.of(&victim.resource.id).await.map_err(|error| failed(&error))?;
    let steps: Vec<_> = steps
        .into_iter()
        .map(|entry| entry.transition)
        .filter(|step| step.control == victim.control && step.at >= began_at)
        .collect();
    let after = |at: Timestamp| at.duration_since(began_at).as_secs();
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Ok(()) };
    if victim.detected_after.is_none() {
        say(format_args!("{}: detected after {} s", victim.resource.id, after(first.at)));
    }
    victim.detected_after = Some(after(first.at));
    victim.fixed_after = (last.to == State::Fixed).then(|| after(last.at));
    if let Some(seconds) = victim.fixed_after {
        say(format_args!("{}: fixed and verified after {seconds} s", victim.resource.id));
    }
    (victim.state, victim.reason) = (Some(last.to), Some(last.reason.clone()));
    Ok(())
}

fn write(out: &mut dyn Write, report: &Report) -> Result<(), Failure> {
    let heading = ["RESOURCE", "CONTROL", "DETECTED AFTER", "FIXED AFTER", "STANDS"].map(str::to_owned);
    let seconds =
        |seconds: Option<i64>| seconds.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s"));
    let rows = report.victims.iter().map(|victim| {
        [
            victim.resource.id.clone(),
            victim.control.to_string(),
            seconds(victim.detected_after),
            seconds(victim.fixed_after),
            victim.state.map_or_else(|| "unknown to Plumb".to_owned(), word),
        ]
    });
    table::write(out, &[heading].into_iter().chain(rows).collect::<Vec<_>>())?;
    writeln!(out, "\nbegan {:.0}, {}", report.began_at, report.experiment)?;
    Ok(())
}
