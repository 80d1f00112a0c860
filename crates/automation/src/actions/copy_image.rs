//! `aws:copyImage`: copies an image from a Region, and waits until the copy is there.

use super::{Action, Call, Done, Unfinished, image};
use crate::ports::Answer;

pub(super) struct CopyImage;

const INPUTS: [(&str, &str); 7] = [
    ("SourceRegion", "SourceRegion"),
    ("SourceImageId", "SourceImageId"),
    ("ImageName", "Name"),
    ("ImageDescription", "Description"),
    ("Encrypted", "Encrypted"),
    ("KmsKeyId", "KmsKeyId"),
    ("ClientToken", "ClientToken"),
];

impl Action for CopyImage {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.all_there(&["SourceRegion", "SourceImageId", "ImageName"])?;
            Ok(image::made(&call, "CopyImage", call.picked(&INPUTS)).await?)
        })
    }
}
