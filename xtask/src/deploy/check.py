"""What must hold of everything in deploy/ that runs in containers: `cargo xtask check` runs it, in the folder of the workspace.

The chart is rendered by Helm itself, for one node and for several. What it renders obeys the same rules as the manifests, and holds the
same configuration, which a test of the program reads.
"""

import json
import pathlib
import sys
import tomllib

import helm_python as helm
import yaml

DEPLOY = pathlib.Path("deploy")
CHART = str(DEPLOY / "helm/lingpai")
ACCOUNT = {"accounts": [{"id": "wx0123456789abcdef"}]}
REDIS = {"redis": {"url": "redis://lingpai@redis:6379/0"}}
wrongs = []


def rule(holds, where, what):
    if not holds:
        wrongs.append(f"{where}: {what}")


def rendered(values):
    with helm.Chart.load(CHART) as chart:
        texts = chart.render({**ACCOUNT, **values}, name="lingpai", namespace="default")
    return [it for text in texts.values() for it in yaml.safe_load_all(text) if it]


def of_kind(documents, *kinds):
    return [it for it in documents if it["kind"] in kinds]


def settings(documents):
    [config] = of_kind(documents, "ConfigMap")
    return tomllib.loads(config["data"]["lingpai.toml"])


def port_of(configuration):
    return int(configuration["listen"].rpartition(":")[2])


def seconds(span):
    return int(span.removesuffix("s"))


def cluster(where, documents):
    """The rules for what Kubernetes is given."""
    configuration = settings(documents)
    [nodes] = of_kind(documents, "Deployment", "StatefulSet")
    [service] = of_kind(documents, "Service")
    spec, pod = nodes["spec"], nodes["spec"]["template"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    [container] = pod["containers"]

    security = pod["securityContext"]
    rule(security.get("runAsNonRoot") and security.get("runAsUser"), where, "it may run as root")
    rule(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", where, "no filter of system calls")
    rule(pod.get("automountServiceAccountToken") is False, where, "it is given a token for the cluster")
    own = container["securityContext"]
    rule(own.get("readOnlyRootFilesystem") is True, where, "its root can be written")
    rule(own.get("allowPrivilegeEscalation") is False, where, "it may gain privileges")
    rule(own.get("capabilities", {}).get("drop") == ["ALL"], where, "it has capabilities")
    rule("memory" in container["resources"].get("limits", {}), where, "its memory has no limit")

    port = port_of(configuration)
    ports = {it["name"]: it["containerPort"] for it in container["ports"]}
    rule(ports == {"http": port}, where, f"it listens on {port}, and says {ports}")
    rule([it["targetPort"] for it in service["spec"]["ports"]] == ["http"], where, "the service leads elsewhere")
    routes = pathlib.Path("crates/lingpai-server/src/routes.rs").read_text()
    for probe, path in [("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")]:
        asked = container.get(probe, {}).get("httpGet", {})
        rule(asked == {"path": path, "port": "http"}, where, f"{probe} asks {asked}")
        rule(f'"{path}"' in routes, where, f"there is no {path}")

    for selector in [spec["selector"]["matchLabels"], service["spec"]["selector"]]:
        rule(selector.items() <= labels.items(), where, f"{selector} selects no pod")
    volumes = {it["name"]: it for it in pod["volumes"] + [it["metadata"] for it in spec.get("volumeClaimTemplates", [])]}
    mounts = {it["mountPath"]: it for it in container["volumeMounts"]}
    rule({it["name"] for it in mounts.values()} == volumes.keys(), where, "volumes and mounts differ")
    rule(mounts.get("/etc/lingpai", {}).get("readOnly"), where, "the configuration is not where the image looks, or can be written")
    for file in files(configuration):
        rule(any(file.startswith(f"{path}/") for path in mounts), where, f"nothing is mounted where {file} is")

    store, budgets = configuration["store"], of_kind(documents, "PodDisruptionBudget")
    if store.startswith("sqlite:"):
        folder = store.removeprefix("sqlite:").rpartition("/")[0]
        rule(not mounts.get(folder, {"readOnly": True}).get("readOnly"), where, f"{folder} is no volume that can be written")
        is_replaced_first = nodes["kind"] == "StatefulSet" or spec.get("strategy", {}).get("type") == "Recreate"
        rule(spec["replicas"] == 1 and is_replaced_first, where, "two processes would share the file")
        modes = [mode for it in spec.get("volumeClaimTemplates", []) for mode in it["spec"]["accessModes"]]
        rule(modes == ["ReadWriteOncePod"], where, "another pod may use the volume")
        rule(not budgets, where, "a budget of one node keeps its machine from being emptied")
    else:
        rule(nodes["kind"] == "Deployment" and spec["replicas"] > 1, where, "there is one node only")
        rule(spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, where, "a node goes before the next one is there")
        rule([it["spec"] for it in budgets] == [{"maxUnavailable": 1, "selector": {"matchLabels": spec["selector"]["matchLabels"]}}],
             where, "no budget keeps the nodes from going together")
        rule(seconds(configuration["drain"]) > container["readinessProbe"]["periodSeconds"], where, "the end comes before it is known")
    rule(pod["terminationGracePeriodSeconds"] > seconds(configuration.get("drain", "0s")) + 10, where, "it is killed while it ends")


def files(value):
    """The files that a configuration names."""
    if isinstance(value, dict):
        return ([value["file"]] if isinstance(value.get("file"), str) else []) + [it for one in value.values() for it in files(one)]
    return [it for one in value for it in files(one)] if isinstance(value, list) else []


def chart(manifests):
    for said in helm.lint(CHART, ACCOUNT)["messages"]:
        # Only a hint is less than a warning.
        rule(said["severity"] < 2, "the chart", f"{said['path']}: {said['error']}")
    for name, values in [("sqlite.yaml", {}), ("redis.yaml", REDIS)]:
        documents = rendered(values)
        cluster(f"the chart like {name}", documents)
        rule(settings(documents) == settings(manifests[name]), "the chart", f"its configuration is not that of {name}")
    more = settings(rendered({"settings": 'drain = "3s"', "accounts": [{"id": "wx1", "mode": "classic"}]}))
    rule(more["drain"] == "3s" and more["account"][0]["mode"] == "classic", "the chart", "settings and modes are lost")


def compose():
    where = "compose.yaml"
    whole = yaml.safe_load((DEPLOY / "container/compose.yaml").read_text())
    configuration = tomllib.loads((DEPLOY / "container/lingpai.toml").read_text())
    for name, service in whole["services"].items():
        if service["image"] != "lingpai":
            rule("@" in service["image"] or not service["image"].endswith(":latest"), where, f"{name} is whatever is newest")
            continue
        rule(service.get("read_only") and service.get("cap_drop") == ["ALL"], where, f"{name} may write, or has capabilities")
        rule("no-new-privileges:true" in service.get("security_opt", []), where, f"{name} may gain privileges")
        rule("./lingpai.toml:/etc/lingpai/lingpai.toml:ro" in service["volumes"], where, f"{name} is not configured")
        for port in service["ports"]:
            host, _, inside = port.rpartition(":")
            rule(host.startswith("127.0.0.1:") and int(inside) == port_of(configuration), where, f"{name} publishes {port}")
        secrets = {f"/run/secrets/{it}" for it in service["secrets"]}
        rule(set(files(configuration)) <= secrets, where, f"{name} lacks a secret")
        rule(set(service["secrets"]) <= whole["secrets"].keys(), where, f"{name} names a secret that is not there")
        rule(seconds(service["stop_grace_period"]) > seconds(configuration["drain"]) + 10, where, f"{name} is killed while it ends")
    host = configuration["store"].split("//")[1].split(":")[0]
    rule(host in whole["services"], where, f"there is no {host}")


def image():
    where = "the Dockerfile"
    lines = [it.split(maxsplit=1) for it in (DEPLOY / "container/Dockerfile").read_text().splitlines() if it.strip()]
    last = {it[0]: it[1] for it in lines if len(it) == 2}
    rule(last["FROM"] == "scratch", where, "the image holds more than the program")
    rule(last["USER"].split(":")[0] not in ("0", "root"), where, "it runs as root")
    [program, option, file] = json.loads(last["ENTRYPOINT"])
    help_text = pathlib.Path("crates/lingpai-cli/tests/snapshots/help.en.txt").read_text()
    rule(f"{option} <" in help_text and file == "/etc/lingpai/lingpai.toml", where, f"there is no {option}")
    [command] = json.loads(last["CMD"])
    rule(f"$ lingpai {command} --help" in help_text, where, f"there is no `lingpai {command}`")
    rule(any(it[0] == "COPY" and it[1].endswith(program) for it in lines if len(it) == 2), where, f"{program} is not in it")
    rule(int(last["EXPOSE"]) == port_of(tomllib.loads((DEPLOY / "container/lingpai.toml").read_text())), where, "another port is named")
    rule(last["VOLUME"] == "/var/lib/lingpai", where, "the store is no volume")


def main():
    for file in sorted(DEPLOY.rglob("*.y*ml")):
        if "templates" not in file.parts:
            list(yaml.safe_load_all(file.read_text()))
    manifests = {it.name: list(yaml.safe_load_all(it.read_text())) for it in (DEPLOY / "kubernetes").glob("*.yaml")}
    for name, documents in manifests.items():
        cluster(name, documents)
    chart(manifests)
    compose()
    image()
    for wrong in wrongs:
        print(f"deploy: {wrong}", file=sys.stderr)
    print(f"deploy: {len(manifests)} manifests, the chart twice, compose.yaml, the Dockerfile: {len(wrongs)} wrong")
    sys.exit(bool(wrongs))


main()
