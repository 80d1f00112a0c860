//! An answer that goes wrong, in the protocol of the call.

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::{Full, Limited};
use serde_json::{Map, Value, json};

/// A refusal with AWS's error code, as the caller's SDK reads it.
pub(crate) fn refused(
    headers: &HeaderMap,
    service: &str,
    code: &str,
    status: u16,
    members: &Map<String, Value>,
) -> Response<Body> {
    const WHY: &str = "A fault that was asked for";
    let form = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let (kind, body) = match service {
        "s3" => ("application/xml", format!("<Error><Code>{code}</Code><Message>{WHY}</Message></Error>")),
        "ec2" => (
            "text/xml",
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{WHY}</Message></Error></Errors></Response>"
            ),
        ),
        _ if form => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{WHY}</Message></Error></ErrorResponse>"
            ),
        ),
        _ => {
            let mut body = json!({"__type": code, "message": WHY});
            if let Value::Object(body) = &mut body {
                body.extend(members.clone());
            }
            ("application/x-amz-json-1.1", body.to_string())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// The same answer, of which only the head arrives: the connection breaks before the body does.
pub(crate) fn cut_short(answer: Response<Body>) -> Response<Body> {
    let (mut head, _) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    // A body that says it has a byte, and fails when it is asked for it.
    Response::from_parts(head, Body::new(Limited::new(Full::new(Bytes::from_static(b"cut short")), 1)))
}
