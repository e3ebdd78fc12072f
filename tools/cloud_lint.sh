#!/usr/bin/env bash
# Checks terraform/ and .github/: fmt, validate, tflint, checkov; actionlint, zizmor. What is not on this machine is
# skipped loudly; a skip is no success for CI (CI=true), unless no package registry has the tool.
#
# usage: cloud_lint.sh      (tools/setup.sh cloud-lint brings the tools)
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0

check() {
    local what=$1
    shift
    if "$@" >.cache/cloud-lint.log 2>&1; then
        echo "ok       $what"
    else
        echo "FAILED   $what"
        cat .cache/cloud-lint.log
        failed=1
    fi
}

skip() { echo "SKIPPED LOUDLY   $*"; }

# In a copy, so that no .terraform lies in the work tree; with the plugins of this machine, else from the registry.
validate() {
    local root=$1 copy plugins
    copy=$(mktemp -d)
    cp -r terraform "$copy/"
    plugins=$(python3 -c 'import sys; sys.path.insert(0, "test"); from lib.terraform import plugin_dir; print(plugin_dir() or "")')
    (
        cd "$copy/terraform/$root" && rm -f .terraform.lock.hcl &&
            export TF_CLI_CONFIG_FILE=/dev/null CHECKPOINT_DISABLE=1 &&
            terraform init -backend=false -input=false -no-color ${plugins:+-plugin-dir="$plugins"} &&
            terraform validate -no-color
    )
    local code=$?
    rm -rf "$copy"
    return $code
}

lint_terraform() { (cd terraform && ../.cache/bin/tflint --recursive --config "$PWD/.tflint.hcl"); }

# checkov asks its maker's server for guidelines; told of no server, it does not
checkov() {
    BC_ROOT_DIR='' CHECKOV_RUN_SCA_PACKAGE_SCAN_V2=false .cache/checkers/bin/checkov -d terraform \
        --config-file terraform/.checkov.yaml --skip-download 2>/dev/null
}

if command -v terraform >/dev/null; then
    check "terraform fmt" terraform fmt -check -recursive -diff terraform
    check "terraform validate, the deployment" validate .
    check "terraform validate, bootstrap" validate bootstrap
else
    skip "terraform: not on this machine, and no package registry has it"
fi
if [ -x .cache/bin/tflint ]; then check "tflint" lint_terraform; else skip "tflint"; fi
if [ -x .cache/bin/actionlint ]; then check "actionlint" .cache/bin/actionlint; else skip "actionlint"; fi
check "checkov" checkov
check "hadolint" .cache/checkers/bin/hadolint Containerfile
check "zizmor" .cache/checkers/bin/zizmor --offline --quiet .github
exit $failed
