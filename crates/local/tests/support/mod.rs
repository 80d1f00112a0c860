//! Local AWS for the tests, and a client that is boto3's.

use std::{path::Path, time::Duration};

use plumb_local::{Call, CallError, LocalAws, Options};
use serde_json::Value;

/// A running local AWS.
pub(crate) struct Aws {
    pub(crate) local: LocalAws,
}

impl Aws {
    /// Starts one; `name` is the test's own. The Python environment is shared by all tests.
    pub(crate) async fn start(name: &str) -> Self {
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.plumb/venv");
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let options = Options { venv: Some(venv), ..Options::new(home) };
        Self { local: LocalAws::start(options).await.unwrap() }
    }

    /// A call that must succeed.
    pub(crate) async fn call(&self, service: &str, api: &str, params: Value) -> Value {
        match self.try_call(service, api, params).await {
            Ok(answer) => answer,
            Err(error) => panic!("{service}:{api}: {error}"),
        }
    }

    /// A call.
    pub(crate) async fn try_call(&self, service: &str, api: &str, params: Value) -> Result<Value, CallError> {
        self.local.context().worker().call(Call::outside(service, api, params)).await
    }

    /// Asks until the answer is as it should be; at most half a minute.
    pub(crate) async fn until(
        &self,
        service: &str,
        api: &str,
        params: Value,
        ready: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut answer = Value::Null;
        for _ in 0..300 {
            answer = self.call(service, api, params.clone()).await;
            if ready(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{service}:{api} never came to what was waited for: {answer:#}");
    }
}
