"""What gangway uses of Metaflow, Ray and rpy2 beyond their documents: a test a name.

A new release that has it elsewhere, or in another way, fails here first and says what it is.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from typing import Any

import pytest
from metaflow import FlowSpec, step
from metaflow.decorators import FlowDecorator, StepDecorator
from metaflow.plugins import FLOW_DECORATORS, STEP_DECORATORS
from metaflow_extensions.gangway.mf import patches
from metaflow_extensions.gangway.run.code_record import CodeRecord
from metaflow_extensions.gangway.run.image import ImageCheck
from metaflow_extensions.gangway.run.image_named import ImageNamed
from metaflow_extensions.gangway.run.life import RunLife
from metaflow_extensions.gangway.run.short_secrets import SecretBackends
from metaflow_extensions.gangway.run.user_files import UserFiles
from metaflow_extensions.gangway.warm.start import WarmStart

STORE = "metaflow.datastore.content_addressed_store:ContentAddressedStore"
TASK = "metaflow.datastore.task_datastore:TaskDataStore"
LOCAL = "metaflow.plugins.datastores.local_storage:LocalStorage"
SFN = "metaflow.plugins.aws.step_functions"
ARGO = "metaflow.plugins.argo"
SCHEDULED = "self node paths code_package_url user_code_retries"
# A function or method, and its parameters.
CALLED = {
    # replaced: the parameters are all that there are
    "metaflow.runtime:Worker.terminate": "self",
    "metaflow.runtime:Worker.emit_log": "self msg buf system_msg",
    "metaflow.plugins.aws.batch.batch_client:BatchJob.execute": "self",
    "metaflow.plugins.kubernetes.kubernetes_jobsets:KubernetesJobSet.dump": "self",
    "metaflow.plugins.kubernetes.kubernetes_jobsets:KubernetesArgoJobSet.dump": "self",
    "metaflow.plugins.kubernetes.kubernetes_jobsets:JobSetSpec.__init__": (
        "self kubernetes_sdk name kwargs"
    ),
    "metaflow.plugins.aws.batch.batch_decorator:BatchDecorator._wait_for_mapper_tasks": (
        "self flow step_name"
    ),
    "metaflow.exception:MetaflowExceptionWrapper.__init__": "self exc",
    f"{STORE}._pack_v1": "self blob",
    f"{STORE}._unpack_v1": "self blob",
    "metaflow.plugins.aws.step_functions.step_functions:StepFunctions._step_cli": SCHEDULED,
    "metaflow.plugins.airflow.airflow:Airflow._step_cli": SCHEDULED,
    "metaflow.plugins.argo.argo_workflows:ArgoWorkflows._compile_workflow_template": "self",
    "metaflow.metadata_provider:MetadataProvider.start_run_heartbeat": "self flow_id run_id",
    # called: a later release may have more
    f"{STORE}.load_blobs": "self keys ...",
    f"{STORE}.set_blob_cache": "self blob_cache",
    f"{TASK}.items": "self",
    f"{TASK}.keys_for_artifacts": "self names",
    f"{TASK}.passdown_partial": "self origin variables",
    f"{TASK}.save_logs": "self logsource stream_data",
    "metaflow.datastore.flow_datastore:FlowDataStore.get_task_datastore": (
        "self run_id step_name task_id attempt ..."
    ),
    "metaflow.datastore.flow_datastore:FlowDataStore.load_data": "self keys ...",
    "metaflow.datastore.flow_datastore:FlowDataStore.save_data": "self data_iter ...",
    "metaflow.client.filecache:FileCache.get_data": "self ds_type flow_name location key ...",
    "metaflow.metaflow_current:Current._update_env": "self env",
    "metaflow.plugins.parallel_decorator:_local_multinode_control_task_step_func": (
        "flow env_to_use step_func retry_count input_paths"
    ),
    "metaflow.cli:print_metaflow_exception": "ex",
    "metaflow.cli_components.run_cmds:write_latest_run_id": "obj run_id",
    "metaflow.cli:start.main": "args prog_name ...",
    "metaflow.mflog.mflog:parse": "line",
    "metaflow.mflog.mflog:decorate": "source line ...",
    "metaflow._vendor.click:get_current_context": "silent",
    "metaflow.includefile:FilePathClass.convert": "self value param ctx",
    "metaflow.includefile:IncludeFile._eval_default": "is_text encoding default_path",
    "metaflow.parameters:DelayedEvaluationParameter.__init__": "self name field fun",
    "metaflow.user_configs.config_parameters:DelayEvaluator.__init__": "self ex saved_globals",
    "metaflow.user_configs.config_parameters:DelayEvaluator.__call__": "self ctx deploy_time",
    "metaflow.plugins.datatools.s3.s3:S3GetObject": "key offset length",
    f"{SFN}.step_functions:StepFunctions.trigger": "name parameters",
    f"{SFN}.step_functions:StepFunctions.list": "name states",
    f"{SFN}.step_functions:StepFunctions.delete": "name",
    f"{SFN}.step_functions_client:StepFunctionsClient.get": "self name",
    f"{SFN}.step_functions_client:StepFunctionsClient.get_state_machine_arn": "self name",
    f"{SFN}.step_functions_client:StepFunctionsClient.terminate_execution": "self execution_arn",
    f"{SFN}.event_bridge_client:EventBridgeClient.__init__": "self name",
    f"{SFN}.production_token:load_token": "token_prefix",
    f"{ARGO}.argo_client:ArgoClient.__init__": "self namespace",
    f"{ARGO}.argo_client:ArgoClient.get_workflow_template": "self name",
    f"{ARGO}.argo_client:ArgoClient.get_workflow": "self name",
    f"{ARGO}.argo_workflows:ArgoWorkflows.list_templates": "flow_name all ...",
    f"{ARGO}.argo_workflows:ArgoWorkflows.trigger": "name parameters",
    f"{ARGO}.argo_workflows:ArgoWorkflows.delete": "name",
    f"{ARGO}.argo_workflows_cli:sanitize_for_argo": "text",
    f"{LOCAL}.path_join": "components",
    f"{LOCAL}.save_bytes": "self path_and_bytes_iter overwrite ...",
    f"{LOCAL}.load_bytes": "self paths",
    f"{LOCAL}.is_file": "self paths",
    f"{LOCAL}.full_uri": "self path",
}
CALLED_OF_RAY = {
    "ray.experimental.internal_kv:_internal_kv_put": "key value overwrite ...",
    "ray.experimental.internal_kv:_internal_kv_list": "prefix ...",
    "ray.experimental.internal_kv:_internal_kv_get": "key ...",
    "ray.experimental.internal_kv:_internal_kv_del": "key ...",
}
CONSTANTS = (
    "metaflow.mflog:TASK_LOG_SOURCE",
    "metaflow.unbounded_foreach:UBF_CONTROL",
    "metaflow.unbounded_foreach:UBF_TASK",
    "metaflow.unbounded_foreach:UnboundedForeachInput",
    "metaflow.flowspec:FlowStateItems.FLOW_DECORATORS",
    "metaflow.flowspec:FlowStateItems.CONFIGS",
    "metaflow.parameters:current_flow",
    "metaflow.parameters:flow_context",
    "metaflow.package:DEFAULT_SUFFIXES_LIST",
    "metaflow.packaging_sys:ContentType.USER_CONTENT",
    "metaflow.metaflow_config:ARTIFACT_LOCALROOT",
    "metaflow.metaflow_config:BATCH_JOB_QUEUE",
    "metaflow.metaflow_config:DATASTORE_LOCAL_DIR",
    "metaflow.metaflow_config:DEFAULT_DATASTORE",
    "metaflow.client.core:current_metadata",
    "metaflow.plugins:METADATA_PROVIDERS",
    "metaflow.plugins.metadata_providers.local:LocalMetadataProvider._INFO",
    f"{LOCAL}.METADATA_DIR",
    f"{LOCAL}.datastore_root",
    "metaflow.datastore.exceptions:DataException",
    "metaflow.cli_components.step_cmd:step",
    "metaflow.cli:inspect.getfile",
    "metaflow.client.core:Task.parent_tasks.fget",
    "metaflow.system_context:system_context.metadata",
    "metaflow.system_context:system_context.package",
    "metaflow.system_context:system_context.split_index",
)
CONSTANTS_OF_RAY = (
    "ray.scripts.scripts:cli.main",
    "ray.job_config:JobConfig",
    "ray._raylet:GcsClient",
    "ray._raylet:InnerGcsClient.get_all_node_info",
    "ray._raylet:InnerGcsClient.get_cluster_resource_state",
    "ray.core.generated.autoscaler_pb2:GetClusterResourceStateReply.FromString",
    "ray.core.generated.gcs_pb2:GcsNodeInfo.ALIVE",
    "ray._private.ray_constants:RAY_LOG_TO_DRIVER",
)
CONSTANTS_OF_RPY2 = (
    "rpy2.situation:r_ld_library_path_from_subprocess",
    "rpy2.rinterface_lib.embedded:_initr",
    "rpy2.rinterface_lib.embedded:isinitialized",
    "rpy2.rinterface_lib.embedded:isready",
    "rpy2.rinterface_lib.embedded:set_initoptions",
    "rpy2.rinterface_lib.embedded:set_python_process_info",
    "rpy2.rinterface_lib.embedded:RPY_R_Status.ENDED",
    "rpy2.rinterface_lib.embedded:rpy2_embeddedR_isinitialized",
    "rpy2.rinterface_lib._rinterface_capi:_geterrmessage",
    "rpy2.rinterface_lib._rinterface_capi:_register_external_symbols",
    "rpy2.rinterface_lib._rinterface_capi:build_rcall",
    "rpy2.rinterface_lib._rinterface_capi:SexpCapsule",
    "rpy2.rinterface_lib._rinterface_capi:UnmanagedSexpCapsule",
    "rpy2.rinterface_lib.conversion:_cdata_to_rinterface",
    "rpy2.rinterface_lib.callbacks:cleanup",
    *(f"rpy2.rinterface_lib.openrlib:{name}" for name in ("ffi", "rlib", "RAW")),
    *(f"rpy2.rinterface_lib.openrlib:{name}" for name in ("INTEGER", "LOGICAL", "REAL")),
    *(f"rpy2.rinterface_lib.na_values:NA_{of}" for of in ("Character", "Integer", "Real")),
    *(f"rpy2.rinterface_lib.sexp:NA{of}Type" for of in ("Character", "Integer", "Logical", "Real")),
)


def found(place: str) -> Any:
    module, _, names = place.partition(":")
    value = importlib.import_module(module)
    for name in names.split("."):
        value = getattr(value, name)
    return value


def takes(place: str, parameters: str) -> None:
    names = [*inspect.signature(found(place)).parameters]
    wanted = parameters.removesuffix(" ...").split()
    assert (names[: len(wanted)] if parameters.endswith(" ...") else names) == wanted


@pytest.mark.parametrize("place", CALLED)
def test_metaflow_has_a_function_with_these_parameters(place: str) -> None:
    takes(place, CALLED[place])


@pytest.mark.parametrize("place", CONSTANTS)
def test_metaflow_has(place: str) -> None:
    found(place)


class Flow(FlowSpec):
    """What a running flow is made of."""

    @step
    def start(self) -> None:
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


def test_merge_artifacts_leaves_what_is_internal() -> None:
    from metaflow import flowspec

    assert isinstance(flowspec.INTERNAL_ARTIFACTS_SET, set)


@pytest.mark.parametrize(
    "name", ["_graph", "_flow_state", "_cached_input", "_datastore", "foreach_stack"]
)
def test_a_flow_has(name: str) -> None:
    assert hasattr(Flow(use_cli=False), name)


@pytest.mark.parametrize("name", ["is_step", "decorators", "wrappers", "config_decorators"])
def test_a_step_has(name: str) -> None:
    assert hasattr(Flow.start, name)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("metaflow.datastore.task_datastore:TaskDataStore", "_info"),
        ("metaflow.datastore.task_datastore:TaskDataStore", "_objects"),
        ("metaflow.datastore.flow_datastore:FlowDataStore", "ca_store"),
        ("metaflow.datastore.flow_datastore:FlowDataStore", "_storage_impl"),
        (STORE, "_storage_impl"),
        (STORE, "_prefix"),
        (STORE, "_blob_cache"),
        ("metaflow.client.core:MetaflowObject", "_object"),
        ("metaflow.graph:DAGNode", "condition"),
        ("metaflow.graph:DAGNode", "switch_cases"),
        ("metaflow.graph:DAGNode", "num_parallel"),
        ("metaflow.runtime:Worker", "_proc"),
        ("metaflow.runtime:Worker", "_stderr"),
        ("metaflow.runtime:Worker", "task"),
        *(
            ("metaflow.runtime:CLIArgs", name)
            for name in ("commands", "entrypoint", "env", "top_level_options")
        ),
        ("metaflow.task:MetaflowTask", "flow._current_step"),
        ("metaflow.task:MetaflowTask", "flow._foreach_stack"),
        ("metaflow.plugins.parallel_decorator:ParallelDecorator", "input_paths"),
        ("metaflow.plugins.aws.batch.batch_client:BatchJob", "_client"),
        ("metaflow.plugins.aws.batch.batch_client:BatchJob", "payload"),
        (f"{SFN}.step_functions_client:StepFunctionsClient", "_client"),
        *(
            (f"{ARGO}.argo_client:ArgoClient", name)
            for name in ("_client", "_group", "_version", "_namespace")
        ),
        *(
            (f"metaflow.plugins.kubernetes.kubernetes_jobsets:{owner}", name)
            for owner in ("KubernetesJobSet", "KubernetesArgoJobSet")
            for name in ("_control_spec", "_worker_spec", "_annotations")
        ),
        ("metaflow.plugins.kubernetes.kubernetes_jobsets:JobSetSpec", "_kwargs"),
    ],
)
def test_an_object_of_metaflow_has(owner: str, name: str) -> None:
    assert re.search(rf"\bself\.{name}\b", inspect.getsource(found(owner)))


OURS = [d for d in (*STEP_DECORATORS, *FLOW_DECORATORS) if "gangway" in d.__module__]


@pytest.mark.parametrize(
    "decorator",
    [*OURS, CodeRecord, RunLife, UserFiles, ImageCheck, ImageNamed, SecretBackends, WarmStart],
    ids=lambda cls: cls.__name__,
)
def test_a_decorator_takes_what_metaflow_gives_its_hooks(decorator: type) -> None:
    bases = [cls for cls in decorator.__mro__ if cls.__module__.startswith("metaflow.")]
    hooks = {**vars(FlowDecorator), **vars(StepDecorator)}
    checked = 0
    for cls in decorator.__mro__:
        for name, method in vars(cls).items():
            if cls in bases or name.startswith("__") or name not in hooks:
                continue
            if inspect.isfunction(method):
                theirs = next(vars(base)[name] for base in bases if name in vars(base))
                names = [*inspect.signature(method).parameters]
                given = [*inspect.signature(theirs).parameters]
                assert names in (given, ["self", "args"]), f"{cls.__name__}.{name}"
                checked += 1
    assert checked


def test_a_method_that_is_another_is_left_alone_with_a_warning() -> None:
    class Changed:
        def terminate(self, now: bool) -> None:
            pass

    with pytest.warns(RuntimeWarning, match=r"Changed\.terminate\(\) .* knows\. Nothing works\."):
        assert not patches.is_known(Changed, "terminate", ["self"], "Nothing works.")
    assert patches.is_known(Changed, "terminate", ["self", "now"], "")


@pytest.mark.parametrize("place", CALLED_OF_RAY)
def test_ray_has_a_function_with_these_parameters(place: str) -> None:
    pytest.importorskip("ray")
    takes(place, CALLED_OF_RAY[place])


@pytest.mark.parametrize("place", CONSTANTS_OF_RAY)
def test_ray_has(place: str) -> None:
    pytest.importorskip("ray")
    found(place)


def test_ray_adds_to_the_search_path_of_a_jobs_workers() -> None:
    pytest.importorskip("ray")
    source = inspect.getsource(found("ray._private.worker:connect"))
    assert "job_config._py_driver_sys_path.extend(" in source


@pytest.mark.parametrize("place", CONSTANTS_OF_RPY2)
def test_rpy2_has(place: str) -> None:
    if shutil.which("R") is None:
        pytest.skip("R is not installed")
    pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
    found(place)


def test_lines_of_the_log_that_r_counts_tasks_by() -> None:
    """R/run-tally.R reads them, and R/run-job.R learns a run's number as Metaflow's Runner does."""
    runtime = inspect.getsource(importlib.import_module("metaflow.runtime"))
    for text in (
        '"[%s (pid %s)] "',
        '"Task is starting" + suffix',
        '" (retry)." if task.retries else "."',
        '"Task fallback is starting to handle',
        '"Foreach yields %d child steps."',
        '"Task finished successfully."',
        'b"Task failed."',
        'b"Task failed with a segmentation fault."',
        '"Cloning previously run task %s"',
    ):
        assert text in runtime
    catch = inspect.getsource(importlib.import_module("metaflow.plugins.catch_decorator"))
    assert '"@catch caught an exception from %s"' in catch
    commands = importlib.import_module("metaflow.cli_components.run_cmds")
    for command in (commands.run, commands.resume):
        assert "--runner-attribute-file" in {o for p in command.params for o in p.opts}
