//! Local AWS with Plumb deployed in it, from the real template by the real SAM CLI: what the demo and the end-to-end test
//! share.

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
};

use plumb_local::{Call, Context, LocalAws, Options};
use serde_json::{Value, json};

use crate::{
    test::Checkout,
    tools::{Build, Deploy, ToolError, Tools},
};

/// The stack's name.
pub(crate) const STACK: &str = "plumb";

/// What `sam build` left.
pub(crate) const BUILT: &str = ".aws-sam/build/template.yaml";

/// Everything there is to deploy; but moto lists its stock images' 1,300 snapshots as the account's own; judging them all would be most of the test.
const PARAMETERS: [(&str, &str); 2] =
    [("ConfigRulesWithout", "snapshot-old-without-image"), ("Operations", "all")];

/// A running local AWS in which Plumb is deployed.
pub(crate) struct Account {
    local: LocalAws,
    outputs: BTreeMap<String, String>,
}

impl Account {
    /// Builds the functions unless they are built, starts local AWS and deploys the template. `tell` hears what is being done.
    pub(crate) async fn deployed(
        checkout: Checkout<'_>,
        tell: impl Fn(&str),
    ) -> Result<Self, Box<dyn Error>> {
        let root = checkout.root;
        build(checkout, &tell).await?;

        tell("starting local AWS");
        let home = root.join(".plumb").join(format!("local-{}", std::process::id()));
        // The tests of `plumb-local` share this environment.
        let options = Options { venv: Some(root.join(".plumb/venv")), ..Options::new(&home) };
        let local = LocalAws::start(options).await?;

        tell(&format!("deploying template.yaml with `sam deploy` to {}", local.endpoint()));
        let (endpoint, region) = (local.endpoint(), local.context().region().to_owned());
        blocking(root, move |root| {
            let (template, parameters) = (BUILT, &PARAMETERS[..]);
            let deploy = Deploy { template, endpoint: &endpoint, region: &region, stack: STACK, parameters };
            Tools::ensure(&root)?.sam_deploy(&deploy)
        })
        .await?;

        let mut account = Self { local, outputs: BTreeMap::new() };
        let stacks = account.call("cloudformation:DescribeStacks", json!({ "StackName": STACK })).await?;
        let outputs =
            stacks.pointer("/Stacks/0/Outputs").and_then(Value::as_array).cloned().unwrap_or_default();
        account.outputs = outputs
            .iter()
            .filter_map(|output| Some((text(output, "/OutputKey")?, text(output, "/OutputValue")?)))
            .collect();
        Ok(account)
    }

    /// The account's clients, call log and events.
    pub(crate) fn context(&self) -> &Context {
        self.local.context()
    }

    /// The variables that lead AWS clients here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        self.local.environment().into_iter().collect()
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> Result<&str, Box<dyn Error>> {
        self.outputs
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| format!("the stack has no output `{name}`").into())
    }

    /// Where local AWS answers, such as `http://127.0.0.1:4599`.
    pub(crate) fn endpoint(&self) -> String {
        self.local.endpoint()
    }

    /// A text in which `{{Name}}` stands for the stack's output of that name.
    pub(crate) fn with_outputs(&self, text: &str) -> String {
        self.outputs
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
    }

    /// Calls AWS: `service:Api` as boto3 has them.
    pub(crate) async fn call(&self, call: &str, params: Value) -> Result<Value, Box<dyn Error>> {
        let (service, api) = call.split_once(':').unwrap_or((call, ""));
        Ok(self.context().worker().call(Call::outside(service, api, params)).await?)
    }

    /// Ends local AWS.
    pub(crate) async fn stop(self) {
        self.local.stop().await;
    }
}

/// Builds the functions, unless they are to be taken as they are.
pub(crate) async fn build(
    Checkout { root, built }: Checkout<'_>,
    tell: impl Fn(&str),
) -> Result<(), Box<dyn Error>> {
    if built {
        return Ok(());
    }
    tell(
        "building the functions with `sam build`, quickly rather than small (the first time takes several minutes)",
    );
    blocking(root, |root| Tools::ensure(&root)?.sam_build(Build::Quick)).await
}

/// Runs something that waits for a program, off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    root: &Path,
    work: impl FnOnce(PathBuf) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, Box<dyn Error>> {
    let root = root.to_path_buf();
    Ok(tokio::task::spawn_blocking(move || work(root)).await??)
}

/// The text at a JSON Pointer.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}
