//! Which of several controllers works: the holder of a Lease.
//!
//! A lease keeps two from working at the same time as a rule. What keeps a late one from doing harm is that every write carries the
//! version of what it was computed from.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::ConfigMap,
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::time::{sleep, timeout};

use super::{health::Health, say, settings};

/// Name of the Lease, in the controller's own namespace.
pub(super) const NAME: &str = "runtimemap-controller";

/// Annotation of the Lease: the settings that its holder took last, as they were written. Whoever leads next goes on with them if those that
/// are written by then are refused.
const TAKEN: &str = "runtimemap.io/settings";

/// Text of the settings that were taken last, by this leader or by one before it.
pub(super) type Taken = Rc<RefCell<Option<String>>>;

/// What to do about a lease that was just read.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is ours: hold it.
    Renew,
    /// It is nobody's, or whose it was has not renewed it in time: take it.
    Take,
    /// It is somebody else's.
    Wait,
}

/// One controller's part in the election.
pub(super) struct Election {
    api: Api<Lease>,
    settings: Api<ConfigMap>,
    identity: String,
    duration: Duration,
    settings_taken: Taken,
    /// The lease as it was seen to change last, and when that was seen: clocks of other machines are not trusted.
    seen: Option<(Option<String>, Instant)>,
}

impl Election {
    /// Takes part under a name that no other controller has.
    pub(super) fn new(client: Client, namespace: &str, identity: String, duration: Duration) -> Self {
        let settings = Api::namespaced(client.clone(), namespace);
        Self { api: Api::namespaced(client, namespace), settings, identity, duration, settings_taken: Taken::default(), seen: None }
    }

    /// The settings that are handed on with the lease: the leader says here what it takes.
    pub(super) fn settings_taken(&self) -> Taken {
        self.settings_taken.clone()
    }

    /// Waits until this one leads.
    pub(super) async fn lead(&mut self, health: &Health) {
        let mut told = String::new();
        loop {
            let attempt = self.attempt().await;
            if attempt.is_ok() {
                health.reached();
            }
            match attempt {
                Ok(None) => return,
                Ok(Some(holder)) if holder != told => {
                    say(&format!("{holder} leads; waiting"));
                    told = holder;
                }
                Ok(Some(_)) => {}
                Err(error) => say(&format!("failed to take the lease {NAME}: {error}; trying again")),
            }
            sleep(self.duration / 8).await;
        }
    }

    /// Renews for as long as that succeeds in time; ends when it must be taken for lost.
    pub(super) async fn hold(&mut self) {
        let limit = self.duration * 2 / 3;
        let mut renewed = Instant::now();
        loop {
            sleep(self.duration / 4).await;
            let left = limit.saturating_sub(renewed.elapsed());
            match timeout(left, self.attempt()).await {
                Ok(Ok(None)) => renewed = Instant::now(),
                Ok(Ok(Some(holder))) => return say(&format!("{holder} leads now")),
                Ok(Err(error)) if renewed.elapsed() < limit => say(&format!("failed to renew the lease {NAME}: {error}; trying again")),
                Ok(Err(_)) | Err(_) => return say(&format!("failed to renew the lease {NAME} in time")),
            }
        }
    }

    /// Lets the next one lead at once.
    pub(super) async fn release(&mut self) {
        if let Ok(Some(mut lease)) = self.api.get_opt(NAME).await
            && step(&lease, &self.identity, false) == Step::Renew
            && let Some(spec) = &mut lease.spec
        {
            spec.holder_identity = None;
            // It runs out by itself if this fails.
            let _ = self.api.replace(NAME, &PostParams::default(), &lease).await;
        }
    }

    /// None if the lease is ours; else whose it is.
    async fn attempt(&mut self) -> Result<Option<String>, kube::Error> {
        let Some(mut lease) = self.api.get_opt(NAME).await? else {
            let owner_references = self.owner().await.map(|owner| vec![owner]);
            let metadata = ObjectMeta { name: Some(NAME.to_owned()), owner_references, ..ObjectMeta::default() };
            let mut lease = Lease { metadata, spec: Some(self.spec(None)) };
            hand_on(&mut lease, &self.settings_taken);
            return taken(self.api.create(&PostParams::default(), &lease).await);
        };
        let version = lease.metadata.resource_version.clone();
        let (same, since) = self.seen.as_ref().map_or((false, Instant::now()), |(seen, since)| (*seen == version, *since));
        if !same {
            self.seen = Some((version, Instant::now()));
        }
        let lasts = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        let expired = same && since.elapsed() >= lasts.map_or(self.duration, Duration::from_secs);
        match step(&lease, &self.identity, expired) {
            Step::Wait => Ok(lease.spec.and_then(|spec| spec.holder_identity)),
            step => {
                // Also of its own, if it was started again under the same name.
                if step == Step::Take || self.settings_taken.borrow().is_none() {
                    self.settings_taken.replace(handed_on(&lease));
                }
                hand_on(&mut lease, &self.settings_taken);
                lease.spec = Some(self.spec(lease.spec.take()));
                taken(self.api.replace(NAME, &PostParams::default(), &lease).await)
            }
        }
    }

    /// The lease goes with the settings: an installation that is removed leaves none.
    async fn owner(&self) -> Option<OwnerReference> {
        let name = settings::CONFIG_MAP.to_owned();
        let uid = self.settings.get_opt(&name).await.ok()??.metadata.uid?;
        Some(OwnerReference { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned(), name, uid, ..OwnerReference::default() })
    }

    fn spec(&self, old: Option<LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let old = old.unwrap_or_default();
        let ours = old.holder_identity.as_ref() == Some(&self.identity);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs().max(1)).ok(),
            acquire_time: old.acquire_time.filter(|_| ours).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(old.lease_transitions.unwrap_or_default() + i32::from(!ours)),
            ..LeaseSpec::default()
        }
    }
}

fn handed_on(lease: &Lease) -> Option<String> {
    lease.metadata.annotations.as_ref().and_then(|annotations| annotations.get(TAKEN)).cloned()
}

fn hand_on(lease: &mut Lease, taken: &Taken) {
    if let Some(text) = taken.borrow().clone() {
        lease.metadata.annotations.get_or_insert_default().insert(TAKEN.to_owned(), text);
    }
}

/// Somebody who was quicker is the holder, whoever that is.
fn taken(result: Result<Lease, kube::Error>) -> Result<Option<String>, kube::Error> {
    match result {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some("another controller".to_owned())),
        Err(error) => Err(error),
    }
}

fn step(lease: &Lease, identity: &str, expired: bool) -> Step {
    match lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) {
        Some(holder) if holder == identity => Step::Renew,
        None | Some("") => Step::Take,
        Some(_) if expired => Step::Take,
        Some(_) => Step::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_only_when_it_is_nobodys_or_has_run_out() {
        let lease = |holder: Option<&str>| Lease {
            spec: Some(LeaseSpec { holder_identity: holder.map(str::to_owned), ..LeaseSpec::default() }),
            ..Lease::default()
        };
        assert_eq!(step(&lease(Some("a")), "a", true), Step::Renew);
        assert_eq!(step(&lease(Some("b")), "a", false), Step::Wait);
        assert_eq!(step(&lease(Some("b")), "a", true), Step::Take);
        assert_eq!((step(&lease(None), "a", false), step(&lease(Some("")), "a", false)), (Step::Take, Step::Take));
    }

    #[test]
    fn settings_go_on_with_the_lease() {
        let (taken, none) = (Taken::default(), Taken::default());
        let mut lease = Lease::default();
        hand_on(&mut lease, &none);
        assert_eq!(handed_on(&lease), None);
        taken.replace(Some("nodeAgent: {}".to_owned()));
        hand_on(&mut lease, &taken);
        hand_on(&mut lease, &none);
        assert_eq!(handed_on(&lease).as_deref(), Some("nodeAgent: {}"));
    }
}
