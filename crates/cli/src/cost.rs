//! `plumb cost`: what Plumb costs, by arithmetic that anybody can redo.
//!
//! Every line is a quantity times a price. The quantities follow from the architecture (ARCHITECTURE.md, "Calls on the hot
//! path"); what depends on the account is an argument. Prices are AWS's list prices in us-east-1.

use std::io::Write;

use plumb_automation::cost::{PER_SCRIPT_SECOND, PER_STEP};
use serde::Serialize;

use crate::{arguments::Cost, failure::Failure, output::json_pretty, table};

/// Of when the prices are, and for where.
const PRICES: &str = "AWS list prices, us-east-1, January 2026, without tax; https://aws.amazon.com/pricing/";

/// Hours in the month that is counted with.
const HOURS: f64 = 730.0;

/// Prices in dollars, each with the page it is from.
mod price {
    /// <https://aws.amazon.com/lambda/pricing/>: a request, and a GB-second on `x86_64`.
    pub(super) const LAMBDA_REQUEST: f64 = 0.20e-6;
    pub(super) const LAMBDA_GB_SECOND: f64 = 0.000_016_666_7;
    /// <https://aws.amazon.com/sqs/pricing/>: a request to a standard queue.
    pub(super) const SQS_REQUEST: f64 = 0.40e-6;
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>: a write and a read request unit.
    pub(super) const DYNAMODB_WRITE: f64 = 0.625e-6;
    pub(super) const DYNAMODB_READ: f64 = 0.125e-6;
    /// <https://aws.amazon.com/eventbridge/pricing/>: a custom event, and one that is sent to another account.
    pub(super) const EVENT: f64 = 1.00e-6;
    /// <https://aws.amazon.com/cloudwatch/pricing/>: a GB of logs taken in; an alarm for a month.
    pub(super) const LOGS_GB: f64 = 0.50;
    pub(super) const ALARM: f64 = 0.10;
    /// The same page: a custom metric, for an hour in which it has a value.
    pub(super) const METRIC_HOUR: f64 = 0.30 / super::HOURS;
    /// <https://aws.amazon.com/config/pricing/>: a configuration item, and an evaluation of a rule.
    pub(super) const CONFIG_ITEM: f64 = 0.003;
    pub(super) const CONFIG_EVALUATION: f64 = 0.001;
    /// <https://aws.amazon.com/systems-manager/pricing/> (AppConfig): a request, and a configuration received.
    pub(super) const APPCONFIG_REQUEST: f64 = 0.2e-6;
    /// <https://aws.amazon.com/kms/pricing/>: a customer managed key for a month.
    pub(super) const KMS_KEY: f64 = 1.00;
    /// <https://aws.amazon.com/step-functions/pricing/>: a state transition of a standard workflow.
    pub(super) const STATE_TRANSITION: f64 = 25.0e-6;
}

/// Alarms in `template.yaml`; a test counts them.
const ALARMS: f64 = 9.0;

/// Queues that wake a function: findings, status, the rest of evaluations.
const POLLED_QUEUES: f64 = 3.0;

/// Requests an hour by which Lambda polls a queue that is empty: five pollers that wait for twenty seconds each.
const POLLS: f64 = 5.0 * 180.0;

/// What a fix needs where nothing goes wrong: a finding, a runbook, a verdict.
mod fix {
    /// Messages: the finding; the runbook's status twice; the verdict; one look later. Sent, received, deleted.
    pub(super) const SQS_REQUESTS: f64 = 5.0 * 3.0;
    /// `remediate` once, `track` three times, `tell` at most once for each of four transitions.
    pub(super) const INVOCATIONS: f64 = 8.0;
    /// How long one of them takes, mostly waiting for AWS, at 128 MB.
    pub(super) const GB_SECONDS: f64 = 0.25 * 0.125;
    /// The ledger: three transactions (the record of at most 3 KB, four counters; twice the price), one plain write; two
    /// indexes at each of the four; the history of four transitions, 2 KB each.
    pub(super) const WRITES: f64 = 3.0 * 2.0 * (3.0 + 4.0) + 3.0 + 4.0 * 2.0 * 3.0 + 4.0 * 2.0;
    /// Looks at the record and its history.
    pub(super) const READS: f64 = 12.0;
    /// Transitions on Plumb's own bus.
    pub(super) const EVENTS: f64 = 4.0;
    /// Events from a member: the finding, the runbook's status twice, the verdict.
    pub(super) const MEMBER_EVENTS: f64 = 4.0;
    /// Metrics that have a value in the hour of a fix: `Transitions` of `fixed`, `TimeToFix`.
    pub(super) const METRICS: f64 = 2.0;
    /// Log lines.
    pub(super) const LOG_BYTES: f64 = 12_000.0;
    /// The resource as it was changed.
    pub(super) const CONFIG_ITEMS: f64 = 1.0;
    /// By the change, and because Plumb asks.
    pub(super) const CONFIG_EVALUATIONS: f64 = 2.0;
}

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    item: &'static str,
    quantity: f64,
    unit: &'static str,
    dollars: f64,
    /// What AWS gives away each month, for ever, is taken off.
    after_free_tier: f64,
}

impl Line {
    fn new(item: &'static str, (quantity, unit): (f64, &'static str), price: f64, free: f64) -> Self {
        let dollars = quantity * price;
        Self { item, quantity, unit, dollars, after_free_tier: (quantity - free).max(0.0) * price }
    }
}

/// A tool beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Peer {
    tool: &'static str,
    idle_month: f64,
    per_1000: f64,
    how: &'static str,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Bill {
    accounts: u32,
    regions: u32,
    findings: u32,
    idle: Vec<Line>,
    fixes: Vec<Line>,
    idle_month: f64,
    idle_month_after_free_tier: f64,
    per_1000: f64,
    month: f64,
    peers: Vec<Peer>,
    prices: &'static str,
}

/// `plumb cost`.
pub(crate) fn run(out: &mut dyn Write, asked: &Cost, json: bool) -> Result<(), Failure> {
    let bill = bill(asked);
    if json {
        return json_pretty(out, &bill);
    }
    let Bill { accounts, regions, findings, .. } = bill;
    writeln!(out, "idle, a month: {accounts} accounts, {regions} Regions each, the hub among them")?;
    lines(out, &bill.idle)?;
    writeln!(out, "\n{findings} findings a month, each fixed once")?;
    lines(out, &bill.fixes)?;
    writeln!(
        out,
        "\nidle {} a month ({} after what AWS gives away); {} for 1,000 fixes; together {} a month",
        dollars(bill.idle_month),
        dollars(bill.idle_month_after_free_tier),
        dollars(bill.per_1000),
        dollars(bill.month)
    )?;
    writeln!(out, "\nbeside others, as far as their own architecture says")?;
    let heading = ["TOOL", "IDLE, A MONTH", "1,000 FIXES", "COUNTED"].map(str::to_owned);
    let rows = bill.peers.iter().map(|peer| {
        [peer.tool.to_owned(), dollars(peer.idle_month), dollars(peer.per_1000), peer.how.to_owned()]
    });
    table::write(out, &[heading].into_iter().chain(rows).collect::<Vec<_>>())?;
    writeln!(
        out,
        "\nNot counted: AWS Config's own recording and evaluations without Plumb, storage (cents), messages to people, retries.\n{PRICES}"
    )?;
    Ok(())
}

fn bill(asked: &Cost) -> Bill {
    let findings = f64::from(asked.findings);
    let members = f64::from(asked.accounts.saturating_mul(asked.regions).saturating_sub(1));
    let polls = (POLLED_QUEUES * POLLS * HOURS, "requests");
    // A sweep and a digest an hour; a sweep asks AWS Config a page or two for each control, which costs nothing.
    let scheduled = 2.0 * HOURS;
    let idle = vec![
        Line::new("Lambda polls three empty queues", polls, price::SQS_REQUEST, 1.0e6),
        Line::new("alarms", (ALARMS, "alarms"), price::ALARM, 10.0),
        Line::new("sweep and digest, hourly", (scheduled, "invocations"), price::LAMBDA_REQUEST, 1.0e6),
        Line::new("… their time", (scheduled * 5.0 * 0.125, "GB-seconds"), price::LAMBDA_GB_SECOND, 4.0e5),
        Line::new("… the policy", (scheduled, "requests"), price::APPCONFIG_REQUEST, 0.0),
        Line::new("… the ledger", (scheduled * 10.0, "read units"), price::DYNAMODB_READ, 0.0),
        Line::new("… their logs", (scheduled * 2.0e-6, "GB"), price::LOGS_GB, 5.0),
        Line::new("members", (members, "accounts and Regions"), 0.0, 0.0),
    ];
    let fixes = fixes(asked, findings);
    let sum = |lines: &[Line]| lines.iter().map(|line| line.dollars).sum::<f64>();
    let per_1000 = sum(&self::fixes(asked, 1000.0));
    let (idle_month, month_of_fixes) = (sum(&idle), sum(&fixes));
    Bill {
        accounts: asked.accounts,
        regions: asked.regions,
        findings: asked.findings,
        idle_month,
        idle_month_after_free_tier: idle.iter().map(|line| line.after_free_tier).sum(),
        per_1000,
        month: idle_month + month_of_fixes,
        peers: peers(asked, idle_month, per_1000),
        idle,
        fixes,
        prices: PRICES,
    }
}

/// What so many fixes cost. Nothing is taken off: the free tier is the account's, and others use it too.
fn fixes(asked: &Cost, number: f64) -> Vec<Line> {
    let line = |item, (each, unit): (f64, &'static str), price| Line {
        after_free_tier: number * each * price,
        ..Line::new(item, (number * each, unit), price, 0.0)
    };
    let away = if asked.accounts > 1 || asked.regions > 1 { fix::MEMBER_EVENTS } else { 0.0 };
    vec![
        line("Systems Manager, steps of runbooks", (asked.steps, "steps"), PER_STEP),
        line("… scripts", (asked.script_seconds, "seconds"), PER_SCRIPT_SECOND),
        line("AWS Config records the change", (fix::CONFIG_ITEMS, "items"), price::CONFIG_ITEM),
        line("AWS Config judges it", (fix::CONFIG_EVALUATIONS, "evaluations"), price::CONFIG_EVALUATION),
        line("ledger and history", (fix::WRITES, "write units"), price::DYNAMODB_WRITE),
        line("… read", (fix::READS, "read units"), price::DYNAMODB_READ),
        line("queues", (fix::SQS_REQUESTS, "requests"), price::SQS_REQUEST),
        line("functions", (fix::INVOCATIONS, "invocations"), price::LAMBDA_REQUEST),
        line("… their time", (fix::INVOCATIONS * fix::GB_SECONDS, "GB-seconds"), price::LAMBDA_GB_SECOND),
        line("events on Plumb's bus", (fix::EVENTS, "events"), price::EVENT),
        line("events from members", (away, "events"), price::EVENT),
        // Several fixes in one hour are one hour of each metric.
        Line::new("metrics", (number.min(HOURS) * fix::METRICS, "metric-hours"), price::METRIC_HOUR, 0.0),
        line("logs", (fix::LOG_BYTES / 1.0e9, "GB"), price::LOGS_GB),
    ]
}

fn peers(asked: &Cost, idle: f64, per_1000: f64) -> Vec<Peer> {
    let places = f64::from(asked.accounts.saturating_mul(asked.regions));
    // What AWS Config and the runbook cost is the same for whoever starts a runbook of that size.
    let runbook = 1000.0 * (asked.steps * PER_STEP + asked.script_seconds * PER_SCRIPT_SECOND);
    let config = 1000.0 * (price::CONFIG_ITEM + price::CONFIG_EVALUATION);
    let lambda = price::LAMBDA_REQUEST + fix::GB_SECONDS * price::LAMBDA_GB_SECOND;
    vec![
        Peer { tool: "Plumb", idle_month: idle, per_1000, how: "the lines above" },
        Peer {
            tool: "Automated Security Response on AWS 3.1.5",
            idle_month: places * price::KMS_KEY,
            per_1000: 1000.0 * (8.0 * lambda + 20.0 * price::STATE_TRANSITION + 2.0 * PER_STEP)
                + runbook
                + config,
            how: "a KMS key per account and Region; 8 functions, 20 transitions, 2 automations around the runbook",
        },
        Peer {
            tool: "AWS Config's own remediation",
            idle_month: 0.0,
            per_1000: runbook + config,
            how: "the runbook alone: no ledger, no undo, no verification after it",
        },
        Peer {
            tool: "Cloud Custodian 0.9.53",
            idle_month: 0.0,
            per_1000: 1000.0 * (2.0 * lambda) + config,
            how: "a function for each policy, which fixes by itself; no runbook",
        },
    ]
}

fn lines(out: &mut dyn Write, lines: &[Line]) -> Result<(), Failure> {
    let heading = ["ITEM", "QUANTITY", "", "DOLLARS"].map(str::to_owned);
    let rows = lines.iter().filter(|line| line.quantity > 0.0).map(|line| {
        [line.item.to_owned(), amount(line.quantity), line.unit.to_owned(), dollars(line.dollars)]
    });
    Ok(table::write(out, &[heading].into_iter().chain(rows).collect::<Vec<_>>())?)
}

/// A number that needs no more than three places.
fn amount(number: f64) -> String {
    if number >= 100.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// Down to a hundredth of a cent: most of it is less than one.
fn dollars(number: f64) -> String {
    if number == 0.0 || number >= 0.01 { format!("${number:.2}") } else { format!("${number:.4}") }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use plumb_automation::{Document, cost};

    use super::*;

    fn asked(accounts: u32, regions: u32, findings: u32) -> Cost {
        Cost { accounts, regions, findings, steps: STEPS, script_seconds: SCRIPT_SECONDS }
    }

    use crate::arguments::{SCRIPT_SECONDS, STEPS};

    #[test]
    fn the_lines_add_up() {
        let bill = bill(&asked(1, 1, 1000));
        let sum: f64 = bill.fixes.iter().map(|line| line.dollars).sum();
        assert!((sum - bill.per_1000).abs() < 1e-9 && (bill.month - bill.idle_month - sum).abs() < 1e-9);
        assert!(
            bill.fixes.iter().all(|line| line.unit != "events"
                || line.item != "events from members"
                || line.quantity == 0.0)
        );
    }

    #[test]
    fn more_accounts_cost_nothing_while_nothing_happens() {
        let (one, many) = (bill(&asked(1, 1, 0)), bill(&asked(120, 4, 0)));
        assert!((one.idle_month - many.idle_month).abs() < f64::EPSILON);
        assert!(one.idle_month_after_free_tier < 1.0, "the aim: {}", one.idle_month_after_free_tier);
        // What its users reported: https://github.com/aws-solutions/automated-security-response-on-aws/issues/178
        assert!((many.peers[1].idle_month - 480.0).abs() < 1.0);
    }

    #[test]
    fn the_template_has_as_many_alarms_and_queues_as_are_counted() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let template = fs::read_to_string(root.join("template.yaml")).unwrap();
        let number = |what: &str| template.lines().filter(|line| line.trim() == what).count();
        assert_eq!(number("Type: AWS::CloudWatch::Alarm"), 9, "ALARMS");
        assert_eq!(number("Type: SQS"), 3, "POLLED_QUEUES");
    }

    /// The default is what the catalogue's runbooks have: half of them more, half of them fewer.
    #[test]
    fn the_steps_that_are_assumed_are_the_catalogues() {
        let controls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls");
        let mut ways = Vec::new();
        for service in fs::read_dir(controls).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            for control in fs::read_dir(service.path()).unwrap().flatten() {
                let text = fs::read_to_string(control.path().join("remediate.yaml")).unwrap();
                let document = Document::parse(&text).unwrap();
                ways.push(cost::Cost::of(&document, cost::Assumptions { script_seconds: 1.0 }).longest);
            }
        }
        ways.sort_by_key(|way| way.steps);
        #[expect(clippy::cast_precision_loss, reason = "a handful of steps")]
        let (median, scripts) = (
            ways[ways.len() / 2].steps as f64,
            ways.iter().map(|way| way.scripts).sum::<u64>() as f64 / ways.len() as f64,
        );
        assert!((median - STEPS).abs() < f64::EPSILON, "STEPS is {STEPS}, the median {median}");
        assert!(
            scripts <= SCRIPT_SECONDS,
            "SCRIPT_SECONDS is {SCRIPT_SECONDS}, scripts on average {scripts}"
        );
    }
}
