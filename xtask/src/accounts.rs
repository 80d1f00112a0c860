//! Plumb as the hub of an organization: a hub, two members in two Regions and a stranger, each a local AWS of its own that
//! knows the others; asserted by `tests/accounts` through boto3.

use std::{error::Error, path::Path, process::Command};

use plumb_local::{LocalAws, Neighbours, Options};
use serde_json::json;

use crate::{
    account::{STACK, blocking, build},
    end_to_end,
    test::{Checkout, Tally, counted, pytest_result, say},
    tools::{Deploy, Tools},
};

const HUB: &str = "111111111111";
const HUB_REGION: &str = "us-east-1";
const ORGANIZATION: &str = "o-plumb0local";
const EXTERNAL_ID: &str = "plumb-local-external-id";

/// An account that sends its events to the hub.
struct Member {
    account: &'static str,
    region: &'static str,
    /// A stranger's template is the same; its organization is not.
    organization: &'static str,
}

const MEMBERS: [Member; 4] = [
    Member { account: "222222222222", region: HUB_REGION, organization: ORGANIZATION },
    Member { account: "333333333333", region: "eu-west-1", organization: ORGANIZATION },
    // The hub's own account in a second Region: one IAM for both, and a stack in each.
    Member { account: HUB, region: "eu-west-1", organization: ORGANIZATION },
    Member { account: "444444444444", region: HUB_REGION, organization: "o-somebodyelse" },
];

/// moto lists its stock images' 1,300 snapshots as the account's own; judging them all would be most of the test.
const WITHOUT: (&str, &str) = ("ConfigRulesWithout", "snapshot-old-without-image");

/// Deploys to all of them, and asserts.
pub(crate) fn run(checkout: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    let root = checkout.root;
    let python = end_to_end::environment(root)?;
    let cli = end_to_end::command_line(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let accounts = runtime.block_on(deployed(checkout))?;
    let described = accounts
        .iter()
        .map(|(account, local)| (account.clone(), json!(local.endpoint())))
        .collect::<serde_json::Map<_, _>>();
    let hub = accounts.first().map(|(_, hub)| hub).ok_or("there is no hub")?;
    let mut pytest = Command::new(python);
    pytest
        .args(["-m", "pytest", "--color=no", "-p", "no:cacheprovider", "-v", "tests/accounts"])
        .current_dir(root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PLUMB_STACK", STACK)
        .env("PLUMB_CLI", cli)
        .env("PLUMB_ACCOUNTS", serde_json::Value::Object(described).to_string())
        .env("PLUMB_EXTERNAL_ID", EXTERNAL_ID)
        .envs(hub.environment())
        .env("AWS_ACCESS_KEY_ID", HUB);
    let tally = counted(pytest, pytest_result);
    for (_, local) in accounts {
        runtime.block_on(local.stop());
    }
    tally
}

/// The hub first, then its members and the stranger.
async fn deployed(checkout: Checkout<'_>) -> Result<Vec<(String, LocalAws)>, Box<dyn Error>> {
    let root = checkout.root;
    build(checkout, say).await?;
    let neighbours = Neighbours::default();
    say("starting a hub, two members and a stranger");
    let mut accounts = Vec::new();
    let everybody = [(HUB, HUB_REGION, ORGANIZATION)];
    let others = MEMBERS.into_iter().filter(|one| one.account != HUB);
    let everybody =
        everybody.into_iter().chain(others.map(|one| (one.account, one.region, one.organization)));
    for (account, region, organization) in everybody {
        let home = root.join(".plumb").join(format!("local-{}-{account}", std::process::id()));
        let options = Options {
            venv: Some(root.join(".plumb/venv")),
            account: account.to_owned(),
            region: region.to_owned(),
            organization: Some(organization.to_owned()),
            neighbours: neighbours.clone(),
            ..Options::new(home)
        };
        accounts.push((account.to_owned(), LocalAws::start(options).await?));
    }
    let endpoint = |account: &str| {
        let found = accounts.iter().find(|(one, _)| one == account);
        found.map(|(_, local)| local.endpoint()).unwrap_or_default()
    };
    let hub = [
        WITHOUT,
        ("Members", "organization"),
        ("OrganizationId", ORGANIZATION),
        ("ExternalId", EXTERNAL_ID),
        ("GradualReleases", "true"),
        // The demo's default: only what the policy of the test says.
        ("SweepSchedule", "rate(1 day)"),
    ];
    deploy(root, STACK, ".aws-sam/build/template.yaml", &endpoint(HUB), HUB_REGION, &hub).await?;
    let here = [("HubAccountId", HUB), ("HubRegion", HUB_REGION), ("ExternalId", EXTERNAL_ID)];
    let of_member = [&[("Prefix", "plumb"), ("Without", WITHOUT.1)][..], &here].concat();
    for Member { account, region, .. } in MEMBERS {
        deploy(root, "plumb-member", "infra/member.yaml", &endpoint(account), region, &of_member).await?;
        if region != HUB_REGION && account != HUB {
            // A document is shared within its Region.
            let prefix = [("Prefix", "plumb")];
            let runbooks = "infra/generated/runbooks.yaml";
            deploy(root, "plumb-runbooks", runbooks, &endpoint(HUB), region, &prefix).await?;
        }
    }
    Ok(accounts)
}

async fn deploy(
    root: &Path,
    stack: &'static str,
    template: &'static str,
    endpoint: &str,
    region: &'static str,
    parameters: &[(&'static str, &'static str)],
) -> Result<(), Box<dyn Error>> {
    say(&format!("deploying {template} with `sam deploy` to {endpoint}, {region}"));
    let (endpoint, parameters) = (endpoint.to_owned(), parameters.to_vec());
    blocking(root, move |root| {
        let deploy = Deploy { template, endpoint: &endpoint, region, stack, parameters: &parameters };
        Tools::ensure(&root)?.sam_deploy(&deploy)
    })
    .await?;
    Ok(())
}
