//! `GET /v1/nodes`: the nodes that share the store, what they hold, and how soon they hear of each other.

use std::net::IpAddr;
use std::time::Duration;

use http::request::Parts;
use http::{Response, StatusCode};
use lingpai_core::client::Right;
use lingpai_core::delays::Histogram;
use lingpai_core::peers::Node;
use lingpai_core::{CredentialId, NodeId, Timestamp};
use serde::Serialize;

use crate::answer::{self, Body};
use crate::native::caller;
use crate::refusal::Refusal;
use crate::serving::Serving;

#[derive(Serialize)]
struct NodesAnswer {
    nodes: Vec<NodeAnswer>,
    propagation: PropagationAnswer,
}

#[derive(Serialize)]
struct NodeAnswer {
    node: NodeId,
    /// It is the one that answers.
    this: bool,
    alive: bool,
    name: String,
    address: String,
    version: String,
    #[serde(serialize_with = "answer::rfc_3339")]
    since: Timestamp,
    #[serde(serialize_with = "answer::rfc_3339")]
    seen_at: Timestamp,
    credentials: u64,
    /// The leases that it holds, or some of them.
    leases: Vec<CredentialName>,
}

#[derive(Serialize)]
struct CredentialName {
    account: String,
    kind: String,
}

/// How long it took until what other nodes stored was in the memory of this one.
#[derive(Serialize)]
struct PropagationAnswer {
    rotations: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    half_within_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_within_ms: Option<u64>,
}

/// The answer. It tells of all accounts, so the key must be for all.
pub(crate) async fn list(
    serving: &Serving,
    head: &Parts,
    peer: IpAddr,
) -> Result<Response<Body>, Refusal> {
    serving.admit_everywhere(caller("GET", head, peer)?, Right::StatusRead).await?;
    let registry = &serving.registry;
    let mut nodes: Vec<_> =
        registry.nodes().into_iter().map(|node| told(node, registry.node())).collect();
    nodes.sort_by(|a, b| (&a.name, &a.address, a.since).cmp(&(&b.name, &b.address, b.since)));
    let propagation = PropagationAnswer::of(&registry.propagation());
    Ok(answer::json(StatusCode::OK, &NodesAnswer { nodes, propagation }))
}

fn told(Node { presence, seen_at, lives }: Node, own: &NodeId) -> NodeAnswer {
    let name = |id: CredentialId| CredentialName {
        account: id.account.to_string(),
        kind: id.kind.as_str().to_owned(),
    };
    NodeAnswer {
        this: presence.node == *own,
        alive: lives,
        name: presence.name,
        address: presence.address,
        version: presence.version,
        since: presence.since,
        seen_at,
        credentials: presence.credentials,
        leases: presence.leases.into_iter().map(name).collect(),
        node: presence.node,
    }
}

impl PropagationAnswer {
    fn of(propagation: &Histogram) -> Self {
        let within = |share| propagation.within(share).map(millis);
        Self {
            rotations: propagation.count(),
            half_within_ms: within(0.5),
            p99_within_ms: within(0.99),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
