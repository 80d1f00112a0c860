//! The HTTP client that talks to the emulators.

use axum::{
    body::{Body, Bytes},
    http::{Request, Response, header::CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;

/// A pooling client for plain HTTP on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpConnector, Body>);

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Bytes,
}

impl Default for Http {
    fn default() -> Self {
        // Less than the emulators keep an idle connection, so that none is taken up as they close it.
        let idle = std::time::Duration::from_secs(20);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(idle);
        Self(client.build_http())
    }
}

impl Http {
    /// Sends a request on, and gives the answer's head with a body that is still to be read.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, String> {
        let answer = self.0.request(request).await.map_err(|error| explain(&error))?;
        Ok(answer.map(Body::new))
    }

    /// Posts JSON and reads the whole answer.
    pub(crate) async fn post_json(&self, url: &str, body: &Value) -> Result<Answered, String> {
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .map_err(|error| error.to_string())?;
        self.whole(request).await
    }

    /// Gets a page and reads the whole answer.
    pub(crate) async fn get(&self, url: &str) -> Result<Answered, String> {
        let request = Request::get(url).body(Body::empty()).map_err(|error| error.to_string())?;
        self.whole(request).await
    }

    async fn whole(&self, request: Request<Body>) -> Result<Answered, String> {
        let answer = self.send(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| explain(&error))?.to_bytes();
        Ok(Answered { status, body })
    }
}

impl Answered {
    /// The body as text, for an error message.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(500).collect()
    }
}

fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
