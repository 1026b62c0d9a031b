//! What a changed file does to a running process.

use super::*;
use crate::stage::{POLICY, Stage, connection, identify, info, kinds, refusal};

#[tokio::test]
async fn a_new_policy_is_activated_and_on_record() {
    let stage = Stage::new();
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    let before = core.policy.snapshot();
    stage.write("policy.yaml", &POLICY.replace("cdn", "img"));
    reload.reload_changed().await;
    assert_ne!(core.policy.current().hash(), before.hash());
    assert_eq!(
        kinds(&stage.events(&core).await)[..2],
        ["policy_activated", "policy_activated"]
    );
}

#[tokio::test]
async fn a_broken_policy_is_refused_and_the_old_one_stays() {
    let stage = Stage::new();
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    let before = core.policy.snapshot();
    stage.write("policy.yaml", &POLICY.replace("identities", "identitys"));
    reload.reload_changed().await;
    assert_eq!(core.policy.current().hash(), before.hash());
    // Looking again at the same broken file says nothing new.
    reload.reload_changed().await;
    let events = stage.events(&core).await;
    assert_eq!(kinds(&events)[..2], ["policy_activated", "policy_refused"]);
    assert_eq!(
        kinds(&events)
            .iter()
            .filter(|kind| **kind == "policy_refused")
            .count(),
        1
    );
    let refused = events
        .iter()
        .find(|event| event.body.kind() == "policy_refused")
        .unwrap();
    assert!(refusal(refused).contains("identitys"));
}

#[tokio::test]
async fn a_policy_that_is_gone_is_refused_and_the_old_one_stays() {
    let stage = Stage::new();
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    let before = core.policy.snapshot();
    std::fs::remove_file(stage.path("policy.yaml")).unwrap();
    reload.reload_changed().await;
    assert_eq!(core.policy.current().hash(), before.hash());
}

#[tokio::test]
async fn white_space_is_no_new_policy() {
    let stage = Stage::new();
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    stage.write("policy.yaml", &format!("# A comment.\n{POLICY}\n"));
    reload.reload_changed().await;
    let events = stage.events(&core).await;
    assert_eq!(
        kinds(&events)
            .iter()
            .filter(|kind| **kind == "policy_activated")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_revocation_in_the_store_ends_the_session() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    let live = core.sessions.register(info());
    let (principal, evidence) = identify(&core, &token);
    live.identified(&principal, evidence);
    live.hold(connection(&principal, "api.example.com"));
    exeat_identity::credentials::revoke(&stage.store, "fn", jiff::Timestamp::now()).unwrap();
    reload.reload_changed().await;
    assert!(live.has_ended().is_some());
    assert!(kinds(&stage.events(&core).await).contains(&"configuration_changed"));
}

#[tokio::test]
async fn a_broken_store_is_refused_and_the_old_one_stays() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    stage.write("identity/store.json", "{");
    reload.reload_changed().await;
    identify(&core, &token);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_handshake() {
    let stage = Stage::new();
    let core = stage.core().await;
    let config = stage.config();
    let tls = config.gateway.as_ref().unwrap().listeners[0]
        .tls
        .clone()
        .unwrap();
    let server = core.tls_server(&tls, &[b"http/1.1"]).unwrap();
    let mut reload = Reload::new(core.clone(), &config, Files::watch(&config));
    let before = (server.certificate().unwrap(), server.config());
    stage.certificate("server");
    reload.reload_changed().await;
    let after = (server.certificate().unwrap(), server.config());
    assert_ne!(before.0, after.0);
    assert!(!Arc::ptr_eq(&before.1, &after.1));
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_and_the_old_one_stays() {
    let stage = Stage::new();
    let core = stage.core().await;
    let config = stage.config();
    let tls = config.gateway.as_ref().unwrap().listeners[0]
        .tls
        .clone()
        .unwrap();
    let server = core.tls_server(&tls, &[]).unwrap();
    let mut reload = Reload::new(core.clone(), &config, Files::watch(&config));
    let before = server.certificate();
    stage.certificate("another");
    std::fs::copy(stage.path("another.pem"), stage.path("server.pem")).unwrap();
    reload.reload_changed().await;
    assert_eq!(server.certificate(), before);
    // The key follows: now they fit.
    std::fs::copy(stage.path("another.key"), stage.path("server.key")).unwrap();
    reload.reload_changed().await;
    assert_ne!(server.certificate(), before);
}

#[tokio::test]
async fn a_hangup_reads_everything_again() {
    let stage = Stage::new();
    let core = stage.core().await;
    let mut reload = Reload::new(core.clone(), &stage.config(), Files::watch(&stage.config()));
    stage.write("policy.yaml", &POLICY.replace("cdn", "img"));
    reload.reload_all().await;
    let kinds = kinds(&stage.events(&core).await);
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "configuration_changed")
            .count(),
        2
    );
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "policy_activated")
            .count(),
        2
    );
}
