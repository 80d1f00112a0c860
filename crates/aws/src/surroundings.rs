//! What a policy may depend on: tags and SSM Change Calendars.

use jiff::Timestamp;
use plumb_model::{Arn, Calendar, Control, ResourceRef, Tags};
use plumb_ports::{Class, PortError, ReadCalendar, ReadTags};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    clients::Aws,
    errors::{failed, incomplete},
};

/// The surroundings of resources: their tags where they are, change calendars of this account and Region.
#[derive(Debug)]
pub struct Surroundings<'a>(pub &'a Aws);

impl ReadCalendar for Surroundings<'_> {
    async fn calendar(&self, name: &str) -> Result<Calendar, PortError> {
        const OPERATION: &str = "ssm:GetCalendarState";
        let answer = self
            .0
            .ssm()
            .get_calendar_state()
            .calendar_names(name)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        let state = answer.state.ok_or_else(|| incomplete(OPERATION, "state"))?;
        // Anything but `OPEN`, also a state that AWS adds one day, is closed.
        let open = state.as_str() == "OPEN";
        let until = answer.next_transition_time.and_then(|time| time.parse::<Timestamp>().ok());
        Ok(Calendar { open, until })
    }
}

impl ReadTags for Surroundings<'_> {
    async fn tags(&self, control: &Control, resource: &ResourceRef) -> Result<Tags, PortError> {
        let arn = match control.arn {
            Arn::None => return Ok(Tags::new()),
            Arn::Pattern(_) => control.arn.of(resource, self.0.partition()),
            Arn::Recorded => Some(self.recorded_arn(resource).await?),
        };
        let arn = arn.ok_or_else(|| incomplete("tag:GetResources", "ARN"))?;
        self.tags_of(&*self.0.at(&resource.place()).await?, &arn).await
    }
}

impl Surroundings<'_> {
    /// The tags by the Resource Groups Tagging API, which answers for every service with one permission and with the tags
    /// that CloudFormation set. It lists a resource only if it has or had tags
    /// ([`GetResources`](https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html)).
    async fn tags_of(&self, aws: &Aws, arn: &str) -> Result<Tags, PortError> {
        let asked = json!({ "ResourceARNList": [arn] });
        let target = "ResourceGroupsTaggingAPI_20170126.GetResources";
        let answer: Listed = asked_of(aws, "tag:GetResources", "tagging", target, &asked).await?;
        let found = answer.resource_tag_mapping_list.into_iter().find(|found| found.resource_arn == arn);
        Ok(found
            .map(|found| found.tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
            .unwrap_or_default())
    }

    /// The ARN that AWS Config recorded.
    async fn recorded_arn(&self, resource: &ResourceRef) -> Result<String, PortError> {
        const OPERATION: &str = "config:BatchGetResourceConfig";
        let asked = json!({ "resourceKeys": [{ "resourceType": resource.kind, "resourceId": resource.id }] });
        let target = "StarlingDoveService.BatchGetResourceConfig";
        let aws = self.0.at(&resource.place()).await?;
        let answer: Recorded = asked_of(&aws, OPERATION, "config", target, &asked).await?;
        // Not recorded yet: the message comes again.
        let item = answer.base_configuration_items.into_iter().find_map(|item| item.arn);
        item.ok_or_else(|| incomplete(OPERATION, "recorded resource"))
    }
}

async fn asked_of<T: DeserializeOwned>(
    aws: &Aws,
    operation: &'static str,
    service: &str,
    target: &str,
    body: &Value,
) -> Result<T, PortError> {
    let answer = aws.signed().json(operation, service, target, body).await?;
    serde_json::from_value(answer).map_err(|error| PortError {
        operation,
        code: "response".to_owned(),
        class: Class::Retry,
        source: Some(Box::new(error)),
    })
}

/// `GetResources`'s answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    resource_tag_mapping_list: Vec<Mapping>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// `BatchGetResourceConfig`'s answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    #[serde(default)]
    base_configuration_items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    arn: Option<String>,
}
