"""What schemathesis must not do: revoke the key with which it asks."""

import os

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path_parameters.get("id") == os.environ["LINGPAI_KEY_ID"]:
        case.path_parameters["id"] = "lp_another"
