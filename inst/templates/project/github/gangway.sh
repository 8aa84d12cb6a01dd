# shellcheck shell=bash
# What the workflows' steps share. Sourced: . .github/gangway.sh

# Run a command in an image: in the checkout, as the user of the checkout, with the settings of AWS and Metaflow.
in_image() { # IMAGE COMMAND...
    local image=$1 name settings=()
    shift
    for name in $(compgen -e | grep -E '^(AWS|METAFLOW)_'); do
        # By its name alone, which keeps the value off the command line. A variable that GitHub does not have is empty.
        [ -z "${!name}" ] || settings+=(--env "$name")
    done
    mkdir -p "$RUNNER_TEMP/kube"
    # The user's name is always the same: Metaflow lets who deployed a flow deploy it again. Its temporary files would go
    # into the checkout, which is read-only.
    docker run --rm --user "$(id -u):$(id -g)" --env HOME=/tmp "${settings[@]}" \
        --env METAFLOW_USER=github-actions --env METAFLOW_ARTIFACT_LOCALROOT=/tmp \
        --volume "$RUNNER_TEMP/kube:/tmp/kube:ro" --env KUBECONFIG=/tmp/kube/config \
        --volume "$PWD:/project:ro" --workdir /project "$image" "$@"
}

# A command of the scheduler for the flow, whose steps all run in the image, also those with a decorator of their own.
flow() { # IMAGE --production|--branch=NAME COMMAND...
    local image=$1 branch=$2
    shift 2
    # --vanilla: the project's .Rprofile, if it has one for renv, is for those who write the code.
    METAFLOW_BATCH_CONTAINER_IMAGE=$image METAFLOW_KUBERNETES_CONTAINER_IMAGE=$image \
        in_image "$image" Rscript --vanilla flow.R "$branch" --with "{{deploy_with}}:image=$image" "$SCHEDULER" "$@"
}

# A git branch as Metaflow's @project takes it, and by a name that no other branch has.
branch_name() { # BRANCH
    local name
    name=$(printf %s "$1" | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9' _)
    if [ "$name" != "$1" ] || [ ${#name} -gt 40 ]; then
        name=${name:0:40}_$(printf %s "$1" | sha256sum | cut -c 1-8)
    fi
    printf '%s\n' "$name"
}

# Access to Kubernetes for in_image(), whose image has no aws program that would ask for a token.
kube_access() { # CLUSTER
    local token
    [ "$SCHEDULER" = argo-workflows ] || return 0
    if [ -z "$1" ]; then
        echo "::error::The repository's variable EKS_CLUSTER has to name the cluster that runs Argo Workflows." >&2
        return 1
    fi
    mkdir -p "$RUNNER_TEMP/kube"
    export KUBECONFIG=$RUNNER_TEMP/kube/config
    aws eks update-kubeconfig --name "$1" --alias deploy
    token=$(aws eks get-token --cluster-name "$1" --query status.token --output text)
    kubectl config set-credentials deploy --token="$token"
    kubectl config set-context deploy --user=deploy
}

# An address where nobody answers, for what is compiled and sent nowhere.
kube_nowhere() {
    mkdir -p "$RUNNER_TEMP/kube"
    printf '%s\n' >"$RUNNER_TEMP/kube/config" \
        '{"current-context":"none","clusters":[{"name":"none","cluster":{"server":"http://127.0.0.1:9"}}],' \
        '"users":[{"name":"none","user":{"token":"none"}}],' \
        '"contexts":[{"name":"none","context":{"cluster":"none","user":"none"}}]}'
}

# The commit as a tag of the state machine. On Argo Workflows it stands in the template's annotations already.
tag_deployment() { # NAME of the deployment, as PROJECT.BRANCH.FLOW
    local arn name=${METAFLOW_SFN_STATE_MACHINE_PREFIX:+${METAFLOW_SFN_STATE_MACHINE_PREFIX}_}$1
    if [ "$SCHEDULER" = step-functions ]; then
        # Metaflow cuts names off after 60 letters, and adds a hash.
        arn=$(aws stepfunctions list-state-machines --output text \
            --query "stateMachines[?starts_with(name, '${name:0:60}')].stateMachineArn | [0]")
        aws stepfunctions tag-resource --resource-arn "$arn" --tags "key=git_sha,value=$GITHUB_SHA"
    fi
}

# Has the branch a newer commit than this one? Its own workflow deploys that, and must not be undone by an older one.
superseded() {
    local newest
    if ! newest=$(gh api "repos/$GITHUB_REPOSITORY/git/ref/heads/$GITHUB_REF_NAME" --jq .object.sha); then
        echo "::error::GitHub does not tell the newest commit of $GITHUB_REF_NAME. Has the branch been deleted?" >&2
        exit 1
    fi
    [ "$newest" != "$GITHUB_SHA" ] || return 1
    echo "::notice::Not deployed: $GITHUB_REF_NAME is at $newest by now."
}

# Has somebody of .github/CODEOWNERS approved the pull request by which this commit has come? The names count that stood
# there before it. Rules of GitHub for the main branch let nothing else be merged (ruleset.json); not every plan has them.
approved() {
    local pull number base head author owners said by
    pull=$(gh api "repos/$GITHUB_REPOSITORY/commits/$GITHUB_SHA/pulls" --jq \
        '.[] | select(.base.ref == "main" and .merged_at) | [.number, .base.sha, .head.sha, .user.login] | @tsv') || return 1
    IFS=$'\t' read -r number base head author <<<"${pull%%$'\n'*}"
    [ -n "$number" ] || base=$(git rev-parse --quiet --verify "$GITHUB_SHA^1" || true)
    owners=$([ -z "$base" ] || git show "$base:.github/CODEOWNERS" 2>/dev/null | sed 's/#.*//' | tr -s '[:space:]' '\n' |
        grep '@' | sort -u) || true
    said_owners=${owners//$'\n'/, }
    if [ -z "$owners" ]; then
        echo "::warning::Nobody has to approve what is deployed: .github/CODEOWNERS named nobody before this commit."
        return
    fi
    if [ -z "$number" ]; then
        echo "::error::$GITHUB_SHA has come to main without a pull request, so nobody has approved it: one of $said_owners" \
            "has to. Revert it, and open a pull request." >&2
        return 1
    fi
    said=$(gh api --paginate "repos/$GITHUB_REPOSITORY/pulls/$number/reviews" --jq \
        '.[] | [.user.login, .state, .commit_id, .author_association] | @tsv') || return 1
    # The last word of each reviewer on the last commit; nobody approves what is his own.
    while IFS=$'\t' read -r by association; do
        if grep -Fqxi "@$by" <<<"$owners"; then
            echo "::notice::Pull request #$number was approved by @$by."
            return
        fi
        # Who is in a team this workflow may not ask, and GitHub knows nobody by an address: whoever may write counts.
        if grep -Eq '/|^[^@]' <<<"$owners" && [[ $association =~ ^(OWNER|MEMBER|COLLABORATOR)$ ]]; then
            echo "::notice::Pull request #$number was approved by @$by."
            return
        fi
    done < <(awk -F '\t' -v author="$author" -v head="$head" '
        $1 != author && $2 ~ /^(APPROVED|CHANGES_REQUESTED|DISMISSED)$/ { state[$1] = $2 " " $3; as[$1] = $4 }
        END { for (by in state) if (state[by] == "APPROVED " head) print by "\t" as[by] }' <<<"$said")
    echo "::error::The last commit of pull request #$number, of @$author, was approved by none of $said_owners." \
        "Approve it now, and run this job again; or revert the merge." >&2
    return 1
}
