//! How rules read the account: the emulated services themselves, each call made once in a pass.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::{
    service::{Answer, Caller, Context},
    worker::{Call, CallError},
};

/// Makes the calls.
pub(super) trait Source: Send + Sync {
    fn call<'a>(
        &'a self,
        region: &'a str,
        service: &'a str,
        operation: &'a str,
        parameters: Value,
    ) -> Answer<'a, Result<Value, CallError>>;
}

impl Source for Context {
    fn call<'a>(
        &'a self,
        region: &'a str,
        service: &'a str,
        operation: &'a str,
        parameters: Value,
    ) -> Answer<'a, Result<Value, CallError>> {
        Box::pin(self.worker().call(Call {
            service: service.to_owned(),
            api: operation.to_owned(),
            params: parameters,
            region: Some(region.to_owned()),
            caller: Caller::Local,
            days_ago: 0,
        }))
    }
}

/// A read that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service}:{operation}: {source}")]
pub(super) struct ReadError {
    service: String,
    operation: String,
    pub(super) source: Box<CallError>,
}

impl ReadError {
    /// Whether it is this AWS error.
    pub(super) fn is(&self, code: &str) -> bool {
        self.source.code == code
    }
}

/// An answer in which certain errors mean that the thing isn't there.
pub(super) trait OrAbsent {
    fn or_absent(self, codes: &[&str]) -> Result<Option<Value>, ReadError>;
}

impl OrAbsent for Result<Value, ReadError> {
    fn or_absent(self, codes: &[&str]) -> Result<Option<Value>, ReadError> {
        match self {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if codes.iter().any(|code| error.is(code)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads one Region during one pass, and remembers what it has read.
pub(super) struct Reader<'s> {
    source: &'s dyn Source,
    account: &'s str,
    region: &'s str,
    read: Mutex<HashMap<String, Result<Value, ReadError>>>,
}

/// Where an answer says that there is more, and the request's member that asks for it.
const PAGES: [(&str, &str); 4] = [
    ("NextToken", "NextToken"),
    ("NextMarker", "Marker"),
    ("Marker", "Marker"),
    ("LastEvaluatedTableName", "ExclusiveStartTableName"),
];

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s dyn Source, account: &'s str, region: &'s str) -> Self {
        Self { source, account, region, read: Mutex::default() }
    }

    pub(super) fn account(&self) -> &str {
        self.account
    }

    pub(super) fn region(&self) -> &str {
        self.region
    }

    /// An ARN in the reader's Region and account.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// One call; the answer is the same for the rest of the pass.
    pub(super) async fn call(
        &self,
        service: &str,
        operation: &str,
        parameters: Value,
    ) -> Result<Value, ReadError> {
        let key = format!("{service}:{operation}:{parameters}");
        if let Some(known) = self.known(&key) {
            return known;
        }
        let answer =
            self.source.call(self.region, service, operation, parameters).await.map_err(|source| ReadError {
                service: service.to_owned(),
                operation: operation.to_owned(),
                source: Box::new(source),
            });
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key, answer.clone());
        answer
    }

    /// All items of a listing, page after page.
    pub(super) async fn list(
        &self,
        service: &str,
        operation: &str,
        parameters: Value,
        items: &str,
    ) -> Result<Vec<Value>, ReadError> {
        let mut all = Vec::new();
        let mut parameters = parameters;
        loop {
            let page = self.call(service, operation, parameters.clone()).await?;
            all.extend(page.get(items).and_then(Value::as_array).into_iter().flatten().cloned());
            let more = PAGES.iter().find_map(|(answered, asked)| {
                let token = page.get(*answered)?;
                token.as_str().filter(|token| !token.is_empty())?;
                Some((*asked, token.clone()))
            });
            match (more, &mut parameters) {
                (Some((asked, token)), Value::Object(members)) if members.get(asked) != Some(&token) => {
                    members.insert(asked.to_owned(), token);
                }
                _ => return Ok(all),
            }
        }
    }

    fn known(&self, key: &str) -> Option<Result<Value, ReadError>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! An account that answers from a list.

    use std::sync::{Arc, Mutex};

    use super::{Answer, CallError, Source, Value};

    type Script = dyn Fn(&str, &Value) -> Result<Value, &'static str> + Send + Sync;

    /// Answers `service:Operation` from a function, and counts.
    #[derive(Clone)]
    pub(in super::super) struct Fake {
        pub(in super::super) calls: Arc<Mutex<Vec<String>>>,
        script: Arc<Script>,
    }

    impl Fake {
        pub(in super::super) fn new(
            script: impl Fn(&str, &Value) -> Result<Value, &'static str> + Send + Sync + 'static,
        ) -> Self {
            Self { calls: Arc::default(), script: Arc::new(script) }
        }
    }

    impl Source for Fake {
        fn call<'a>(
            &'a self,
            _region: &'a str,
            service: &'a str,
            operation: &'a str,
            parameters: Value,
        ) -> Answer<'a, Result<Value, CallError>> {
            let name = format!("{service}:{operation}");
            self.calls.lock().unwrap().push(name.clone());
            let answer = (self.script)(&name, &parameters).map_err(|code| CallError {
                code: code.to_owned(),
                message: format!("An error occurred ({code})"),
                operation: operation.to_owned(),
                http_status: 400,
            });
            Box::pin(std::future::ready(answer))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{fake::Fake, *};

    #[tokio::test]
    async fn a_pass_makes_each_call_once() {
        let account = Fake::new(|_, _| Ok(json!({"Vpcs": [{"VpcId": "vpc-1"}]})));
        let reader = Reader::new(&account, "123456789012", "us-east-1");
        for _ in 0..3 {
            assert_eq!(reader.list("ec2", "DescribeVpcs", json!({}), "Vpcs").await.unwrap().len(), 1);
        }
        assert_eq!(*account.calls.lock().unwrap(), ["ec2:DescribeVpcs"]);
    }

    #[tokio::test]
    async fn a_listing_is_read_to_its_end() {
        let account = Fake::new(|_, parameters| {
            Ok(match parameters.get("ExclusiveStartTableName").and_then(Value::as_str) {
                None => json!({"TableNames": ["a", "b"], "LastEvaluatedTableName": "b"}),
                Some(_) => json!({"TableNames": ["c"]}),
            })
        });
        let reader = Reader::new(&account, "123456789012", "us-east-1");
        let tables = reader.list("dynamodb", "ListTables", json!({}), "TableNames").await.unwrap();
        assert_eq!(tables, [json!("a"), json!("b"), json!("c")]);
    }
}
