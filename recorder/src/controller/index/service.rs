//! Services and the endpoints behind them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::{
    api::{
        core::v1 as core,
        discovery::v1::{EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use runtimemap_crds::Protocol;

/// A Service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) ports: Vec<Port>,
    pub(super) selector: BTreeMap<String, String>,
}

/// A port of it.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) target: Option<u16>,
    /// The port of every node that leads here.
    pub(super) node_port: Option<u16>,
}

impl Service {
    /// From the API's. One that stands for a name outside has no address: who asks for it, asks DNS.
    pub(super) fn of(service: core::Service) -> Option<Self> {
        let (metadata, spec) = (service.metadata, service.spec?);
        let balancers = service.status.and_then(|status| status.load_balancer).and_then(|balancer| balancer.ingress);
        let balancers = balancers.into_iter().flatten().filter_map(|ingress| ingress.ip);
        let addresses = spec.cluster_ips.into_iter().flatten().chain(spec.cluster_ip).chain(spec.external_ips.into_iter().flatten());
        let port = |port: core::ServicePort| {
            let number = u16::try_from(port.port).ok()?;
            let target = match port.target_port {
                Some(IntOrString::Int(target)) => u16::try_from(target).ok(),
                Some(IntOrString::String(_)) => None,
                None => Some(number),
            };
            let node_port = port.node_port.and_then(|port| u16::try_from(port).ok());
            Some(Port {
                name: port.name.unwrap_or_default(),
                protocol: protocol(port.protocol.as_deref())?,
                port: number,
                target,
                node_port,
            })
        };
        Some(Self {
            namespace: metadata.namespace?,
            name: metadata.name?,
            // `None` of a headless Service is no address.
            addresses: addresses.chain(balancers).filter_map(|address| address.parse().ok()).map(|ip: IpAddr| ip.to_canonical()).collect(),
            ports: spec.ports.into_iter().flatten().filter_map(port).collect(),
            selector: spec.selector.unwrap_or_default(),
        })
    }
}

/// Endpoints of a Service: one slice.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    pub(super) service: (String, String),
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) ports: Vec<(String, Protocol, u16)>,
}

impl Slice {
    /// From the API's, with its own namespace and name.
    pub(super) fn of(slice: EndpointSlice) -> Option<((String, String), Self)> {
        let (namespace, name) = (slice.metadata.namespace?, slice.metadata.name?);
        let service = slice.metadata.labels.unwrap_or_default().remove("kubernetes.io/service-name")?;
        let addresses = slice.endpoints.into_iter().flat_map(|endpoint| endpoint.addresses);
        let port = |port: EndpointPort| {
            Some((port.name.unwrap_or_default(), protocol(port.protocol.as_deref())?, u16::try_from(port.port?).ok()?))
        };
        let slice = Self {
            service: (namespace.clone(), service),
            addresses: addresses.filter_map(|address| address.parse().ok()).collect(),
            ports: slice.ports.into_iter().flatten().filter_map(port).collect(),
        };
        Some(((namespace, name), slice))
    }
}

fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name.unwrap_or("TCP") {
        "TCP" => Some(Protocol::TCP),
        "UDP" => Some(Protocol::UDP),
        "SCTP" => Some(Protocol::SCTP),
        _ => None,
    }
}
