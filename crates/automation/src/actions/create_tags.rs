//! `aws:createTags`: tags resources of EC2 or Systems Manager.

use serde_json::{Map, json};

use super::{Action, Call, Done, Unfinished};
use crate::{failure::Failure, ports::Answer};

pub(super) struct CreateTags;

impl Action for CreateTags {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let resources = call.texts("ResourceIds")?;
            let tags = call.inputs.get("Tags").cloned().ok_or_else(|| Failure::missing("Tags"))?;
            match call.optional_text("ResourceType")?.unwrap_or("EC2") {
                "EC2" => {
                    let parameters = Map::from_iter([
                        ("Resources".to_owned(), json!(resources)),
                        ("Tags".to_owned(), tags),
                    ]);
                    call.request("ec2", "CreateTags", parameters).await?;
                }
                kind @ ("ManagedInstance" | "MaintenanceWindow" | "Parameter") => {
                    for resource in resources {
                        let parameters = Map::from_iter([
                            ("ResourceType".to_owned(), json!(kind)),
                            ("ResourceId".to_owned(), json!(resource)),
                            ("Tags".to_owned(), tags.clone()),
                        ]);
                        call.request("ssm", "AddTagsToResource", parameters).await?;
                    }
                }
                other => {
                    return Err(Failure::inputs(&format!(
                        "ResourceType is {other}; it may be EC2, ManagedInstance, MaintenanceWindow or Parameter"
                    ))
                    .into());
                }
            }
            Ok(Done { payload: json!({}), ..Done::default() })
        })
    }
}
