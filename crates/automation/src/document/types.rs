//! The types that parameters, variables and outputs may have.

use std::str::FromStr;

/// The type of a variable or an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Text.
    String,
    /// A list of texts.
    StringList,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A list of maps.
    MapList,
    /// A map.
    StringMap,
}

impl ValueType {
    /// Whether it is one of the lists.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::StringList | Self::MapList)
    }

    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::MapList => "MapList",
            Self::StringMap => "StringMap",
        }
    }
}

impl FromStr for ValueType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "String" => Self::String,
            "StringList" => Self::StringList,
            "Boolean" => Self::Boolean,
            "Integer" => Self::Integer,
            "MapList" => Self::MapList,
            "StringMap" => Self::StringMap,
            _ => return Err(()),
        })
    }
}

/// The type of a parameter: a plain one, or a resource, which is text that must look like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterType {
    /// What its values are.
    pub value: ValueType,
    /// Such as `AWS::IAM::Role::Arn`, for a resource.
    pub resource: Option<String>,
}

impl ParameterType {
    /// The pattern that AWS documents for the resource.
    pub fn pattern(&self) -> Option<&'static str> {
        match self.resource.as_deref()? {
            "AWS::EC2::Instance::Id" => Some(r"^m?i-([a-z0-9]{8}|[a-z0-9]{17})$"),
            "AWS::S3::Bucket::Name" => Some(r"^[0-9a-z][a-z0-9\-\.]{3,63}$"),
            "AWS::IAM::Role::Arn" => {
                Some(r"^arn:(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b):iam::[0-9]{12}:role/.*$")
            }
            _ => None,
        }
    }
}

impl FromStr for ParameterType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(value) = text.parse() {
            return Ok(Self { value, resource: None });
        }
        let list = text.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
        let resource = list.unwrap_or(text);
        let name = resource.strip_prefix("AWS::").ok_or(())?;
        if resource.starts_with("AWS::SSM::Parameter::")
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == ':')
        {
            return Err(());
        }
        let value = if list.is_some() { ValueType::StringList } else { ValueType::String };
        Ok(Self { value, resource: Some(resource.to_owned()) })
    }
}
