//! Reads of any AWS API that `plumb-rules` names, without an SDK crate for each.

use plumb_ports::{Api, Class, PortError, Protocol, ReadApi, Records};
use serde_json::{Map, Value};

use crate::{clients::Aws, xml};

/// AWS's APIs, to read.
#[derive(Debug)]
pub struct Reads<'a>(pub &'a Aws);

impl ReadApi for Reads<'_> {
    async fn page(
        &self,
        api: &'static Api,
        parameters: &Value,
        token: Option<&str>,
    ) -> Result<Records, PortError> {
        let mut parameters = parameters.clone();
        if let (Some(token), Some((name, _)), Some(members)) = (token, api.token, parameters.as_object_mut())
        {
            members.insert(name.to_owned(), token.into());
        }
        let answer = match api.protocol {
            Protocol::Json { target } => {
                let target = format!("{target}.{}", api.operation);
                self.0.signed().json(api.action, api.service, &target, &parameters).await
            }
            Protocol::Query { version } => self.query(api, version, &parameters).await,
        };
        match answer {
            Ok(answer) => Ok(read(api, &answer)),
            // What is asked about is gone, or never was.
            Err(error) if is_absence(&error.code) => Ok(Records::default()),
            Err(error) => Err(error),
        }
    }
}

impl Reads<'_> {
    async fn query(&self, api: &'static Api, version: &str, parameters: &Value) -> Result<Value, PortError> {
        let mut form = Vec::new();
        flatten(String::new(), parameters, &mut form);
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.0.signed().query(api.action, api.service, version, &form).await?;
        xml::read(&answer).ok_or_else(|| PortError {
            operation: api.action,
            code: "response".to_owned(),
            class: Class::Ambiguous,
            source: None,
        })
    }
}

/// `{"Filter": [{"Name": "a", "Value": ["b"]}]}` to `Filter.1.Name=a`, `Filter.1.Value.1=b`.
fn flatten(name: String, value: &Value, form: &mut Vec<(String, String)>) {
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(members) => {
            for (part, value) in members {
                flatten(below(part), value, form);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                flatten(below(&(place + 1).to_string()), value, form);
            }
        }
        Value::Null => {}
        Value::String(text) => form.push((name, text.clone())),
        other => form.push((name, other.to_string())),
    }
}

fn read(api: &Api, answer: &Value) -> Records {
    let at = |path: &str| path.split('.').try_fold(answer, |value, name| value.get(name));
    let records = match at(api.records) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.iter().map(|record| kept(api, record)).collect(),
        Some(one) => vec![kept(api, one)],
    };
    let next = api.token.and_then(|(_, name)| at(name)?.as_str()).filter(|token| !token.is_empty());
    Records { records, next: next.map(str::to_owned) }
}

fn kept(api: &Api, record: &Value) -> Value {
    match record {
        Value::Object(members) if !api.keep.is_empty() => Value::Object(
            api.keep
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())))
                .collect::<Map<_, _>>(),
        ),
        other => other.clone(),
    }
}

/// Whether an error's code says that what was asked about does not exist: `NoSuchEntity` of IAM, `LoadBalancerNotFound`,
/// `NotFoundException` of KMS, `InvalidLaunchTemplateId.NotFound` and `…VersionNotFound` of EC2.
fn is_absence(code: &str) -> bool {
    code == "NoSuchEntity"
        || code == "ResourceNotFoundException"
        || code.strip_suffix("Exception").unwrap_or(code).ends_with("NotFound")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const IMAGES: Api = Api {
        service: "ec2",
        operation: "DescribeImages",
        action: "ec2:DescribeImages",
        protocol: Protocol::Query { version: "2016-11-15" },
        records: "imagesSet",
        token: Some(("NextToken", "nextToken")),
        keep: &["imageId"],
    };

    #[test]
    fn parameters_become_the_form_that_the_query_protocol_wants() {
        let mut form = Vec::new();
        let parameters = json!({
            "Filter": [{"Name": "image-id", "Value": ["ami-1", "ami-2"]}], "MaxResults": 5,
            "Dimensions": {"member": [{"Name": "a"}]}, "Left": null
        });
        flatten(String::new(), &parameters, &mut form);
        form.sort();
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            form,
            [
                "Dimensions.member.1.Name=a",
                "Filter.1.Name=image-id",
                "Filter.1.Value.1=ami-1",
                "Filter.1.Value.2=ami-2",
                "MaxResults=5"
            ]
        );
    }

    #[test]
    fn records_keep_what_rules_look_at_and_a_single_one_is_a_list_of_one() {
        let answer = json!({"imagesSet": [{"imageId": "ami-1", "description": "long"}], "nextToken": "t"});
        assert_eq!(
            read(&IMAGES, &answer),
            Records { records: vec![json!({"imageId": "ami-1"})], next: Some("t".into()) }
        );
        assert_eq!(
            read(&IMAGES, &json!({"imagesSet": {"imageId": "ami-1"}})).records,
            [json!({"imageId": "ami-1"})]
        );
        assert_eq!(read(&IMAGES, &json!({"imagesSet": null, "nextToken": null})), Records::default());
        assert_eq!(read(&IMAGES, &json!([])), Records::default());
    }

    #[test]
    fn only_what_says_so_means_that_it_is_not_there() {
        for code in [
            "NoSuchEntity",
            "LoadBalancerNotFound",
            "TargetGroupNotFound",
            "NotFoundException",
            "InvalidLaunchTemplateId.NotFound",
            "InvalidLaunchTemplateId.VersionNotFound",
            "InvalidLaunchTemplateName.NotFoundException",
        ] {
            assert!(is_absence(code), "{code}");
        }
        for code in ["AccessDenied", "Throttling", "UnknownOperationException", "ValidationError"] {
            assert!(!is_absence(code), "{code}");
        }
    }
}
