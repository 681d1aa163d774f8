//! Ports of rules.

use k8s_openapi::{api::networking::v1::NetworkPolicyPort, apimachinery::pkg::util::intstr::IntOrString};
use runtimemap_crds::Protocol;

use super::cluster::Pod;

/// One port of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// Numbers between two, both included.
    Range(Protocol, u16, u16),
    /// Whatever number the destination's containers have under this name.
    Named(Protocol, String),
}

impl Port {
    /// Reads a port; else which field is wrong, and how.
    pub(super) fn parse(port: &NetworkPolicyPort) -> Result<Self, (&'static str, String)> {
        let protocol = protocol(port.protocol.as_deref())
            .ok_or_else(|| ("protocol", format!("{:?} is none of TCP, UDP and SCTP", port.protocol.as_deref().unwrap_or_default())))?;
        match (&port.port, port.end_port) {
            (None, None) => Ok(Self::Range(protocol, 0, u16::MAX)),
            (Some(IntOrString::Int(low)), high) => {
                let low = number("port", *low)?;
                let high = high.map_or(Ok(low), |high| number("endPort", high))?;
                if high < low { Err(("endPort", format!("{high} is less than port, {low}"))) } else { Ok(Self::Range(protocol, low, high)) }
            }
            (Some(IntOrString::String(name)), None) if is_name(name) => Ok(Self::Named(protocol, name.clone())),
            (Some(IntOrString::String(name)), None) => Err(("port", format!("{name:?} is no name of a port"))),
            (_, Some(_)) => Err(("endPort", "needs a port that is a number".to_owned())),
        }
    }

    /// Whether it is this port of the destination, if that is a pod.
    pub(super) fn matches(&self, protocol: Protocol, number: u16, destination: Option<&Pod>) -> bool {
        match self {
            Self::Range(own, low, high) => *own == protocol && *low <= number && number <= *high,
            Self::Named(own, name) => {
                let is_it = |port: &super::ContainerPort| port.name == *name && (port.protocol, port.port) == (protocol, number);
                *own == protocol && destination.is_some_and(|pod| pod.ports.iter().any(is_it))
            }
        }
    }
}

/// TCP where nothing is said.
pub(super) fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name.unwrap_or("TCP") {
        "TCP" => Some(Protocol::TCP),
        "UDP" => Some(Protocol::UDP),
        "SCTP" => Some(Protocol::SCTP),
        _ => None,
    }
}

fn number(field: &'static str, number: i32) -> Result<u16, (&'static str, String)> {
    u16::try_from(number).ok().filter(|number| *number != 0).ok_or_else(|| (field, format!("{number} is not from 1 to 65535")))
}

/// A service name of the Internet: as many as 15 letters, digits and single hyphens, with a letter among them.
fn is_name(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = name.bytes().all(valid) && name.bytes().any(|byte| byte.is_ascii_lowercase());
    sound && name.len() <= 15 && !name.starts_with('-') && !name.ends_with('-') && !name.contains("--")
}
