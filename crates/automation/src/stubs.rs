//! What is declared for actions that nothing here can do: commands on instances, and webhooks.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a command comes to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CommandStub {
    /// `Success`, `Failed`, `TimedOut` or `Cancelled`.
    pub status: String,
    /// The script's exit code.
    #[serde(default)]
    pub response_code: i64,
    /// What it printed.
    #[serde(default)]
    pub output: String,
}

/// What a webhook answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct WebhookStub {
    /// The HTTP status.
    pub response_code: i64,
    /// The body.
    #[serde(default)]
    pub response: String,
}

/// Finds what is declared.
pub trait Stubs: Send + Sync {
    /// What a command of a document comes to.
    fn command(&self, document: &str) -> Option<CommandStub>;

    /// What an integration answers.
    fn webhook(&self, integration: &str) -> Option<WebhookStub>;
}

/// Declarations as a file has them: `Commands` by document, `Webhooks` by integration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Declared {
    /// By the document's name, without an ARN.
    pub commands: BTreeMap<String, CommandStub>,
    /// By the integration's name.
    pub webhooks: BTreeMap<String, WebhookStub>,
}

impl Stubs for Declared {
    fn command(&self, document: &str) -> Option<CommandStub> {
        self.commands.get(document.rsplit('/').next().unwrap_or(document)).cloned()
    }

    fn webhook(&self, integration: &str) -> Option<WebhookStub> {
        self.webhooks.get(integration).cloned()
    }
}
