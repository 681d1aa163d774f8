//! Events: what a person who looks at a workload is told.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use super::{say, workload::Workload};

/// Writes events. One that cannot be written is logged and forgotten: events are a courtesy.
pub(super) struct Announcer {
    recorder: Recorder,
}

impl Announcer {
    /// Under the name of this controller.
    pub(super) fn new(client: Client, identity: &str) -> Self {
        let reporter = Reporter { controller: "runtimemap-controller".to_owned(), instance: Some(identity.to_owned()) };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// About a workload.
    pub(super) async fn about(&self, workload: &Workload, reason: &str, note: String, is_bad: bool) {
        let reference = &workload.reference;
        if !workload.owned {
            // There is no object that it could be about.
            return say(&format!("{} {}/{}: {note}", reference.kind, workload.namespace, reference.name));
        }
        let object = ObjectReference {
            api_version: Some(reference.api_version.clone()),
            kind: Some(reference.kind.clone()),
            name: Some(reference.name.clone()),
            namespace: Some(workload.namespace.clone()),
            uid: Some(reference.uid.clone()),
            ..ObjectReference::default()
        };
        self.write(&object, reason, "Learn", note, is_bad).await;
    }

    /// About the settings.
    pub(super) async fn about_settings(&self, namespace: &str, name: &str, uid: Option<String>, note: String) {
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("ConfigMap".to_owned()),
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            uid,
            ..ObjectReference::default()
        };
        self.write(&object, "SettingsRefused", "ReadSettings", note, true).await;
    }

    async fn write(&self, object: &ObjectReference, reason: &str, action: &str, note: String, is_bad: bool) {
        let type_ = if is_bad { EventType::Warning } else { EventType::Normal };
        // Longer ones are refused.
        let note = note.chars().take(900).collect();
        let event = Event { type_, reason: reason.to_owned(), note: Some(note), action: action.to_owned(), secondary: None };
        if let Err(error) = self.recorder.publish(&event, object).await {
            say(&format!("failed to write an event about {}: {error}", object.name.as_deref().unwrap_or_default()));
        }
    }
}
