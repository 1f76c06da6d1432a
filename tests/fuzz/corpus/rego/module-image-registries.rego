package basphereimageregistries

import data.lib.images

violation contains {"msg": msg, "details": {"path": at, "image": image}} if {
  some at, image in images.named
  not images.is_reference(image)
  msg := sprintf(
    "%s: %q is no image reference: write <registry>/<project>/<name>:<tag>, the registry being %s",
    [at, image, allowed],
  )
}

violation contains {"msg": msg, "details": {"path": at, "image": image}} if {
  some at, image in images.named
  images.is_reference(image)
  repository := images.repository(image)
  not is_allowed(repository)
  msg := sprintf("%s: %q is %s, which is not allowed here: take it from %s", [at, image, repository, allowed])
}

# No registries, no images: a constraint that says nothing lets nothing in.
registries := object.get(input.parameters, "registries", [])

allowed := concat(" or ", registries)

is_allowed(repository) if repository in registries

is_allowed(repository) if {
  some registry in registries
  startswith(repository, concat("", [registry, "/"]))
}
---
package lib.images

import data.lib.pods

# Every image that pods name, by the path of the field: those of containers, and those that are mounted as volumes.
named[at] := object.get(container, "image", "") if {
  some path, container in pods.containers
  at := concat(".", [path, "image"])
}

named[at] := object.get(volume.image, "reference", "") if {
  some index, volume in pods.spec.volumes
  at := pods.path(sprintf("volumes[%d].image.reference", [index]))
}

# The grammar of references, as container runtimes have it: nothing else can be pulled. A registry is a host with an
# optional port, so that "harbor@evil" or "harbor:8443.evil" is none.
host := `(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[A-Fa-f0-9:]+\])`

component := `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`

tagged := `(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?`

pinned := `(?:@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?`

grammar := concat("", ["^(?:", host, "(?::[0-9]+)?/)?", component, "(?:/", component, ")*", tagged, pinned, "$"])

# 64 hexadecimal digits are an identifier that a runtime gives, and name nothing.
is_reference(text) if {
  regex.match(grammar, text)
  not regex.match(`^[a-f0-9]{64}$`, text)
}

# Whether a reference has a registry: the first of its parts has a dot, a port or a capital letter, or is localhost.
has_registry(text) if regex.match(`^(?:localhost|[^/]*[.:A-Z][^/]*)/`, text)

# A reference without its tag and digest.
name(text) := regex.replace(split(text, "@")[0], `:[^:/]*$`, "")

# A name with what may be left out of it: "nginx" is docker.io/library/nginx. Hosts are the same in capital letters.
repository(text) := regex.replace(resolved, `^docker\.io/([^/]+)$`, "docker.io/library/$1") if {
  resolved := regex.replace(lower(qualified(name(text))), `^index\.docker\.io/`, "docker.io/")
}

qualified(name) := name if has_registry(name)

qualified(name) := concat("/", ["docker.io", name]) if not has_registry(name)

# The tag; undefined where there is none.
tag(text) := substring(text_of_tag, 1, -1) if {
  text_of_tag := regex.find_n(`:[^:/]*$`, split(text, "@")[0], 1)[0]
}

has_digest(text) if contains(text, "@")
---
package lib.objects

# What a request writes at a place of its object: null where there is nothing. It is undefined, and hence nothing is
# found, where something is deleted, and where an update leaves the place as it is: whoever takes away a finalizer or
# sets a label must not be held up by what was stored before this policy.
written(place) := wanted if {
  not input.review.operation == "DELETE"
  wanted := object.get(input.review.object, place, null)
  not stored(place, wanted)
}

stored(place, wanted) if {
  input.review.operation == "UPDATE"
  object.get(input.review.oldObject, place, null) == wanted
}
---
package lib.pods

import data.lib.objects

# Where each kind keeps the spec of its pods.
places := {
  "CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
  "DaemonSet": ["spec", "template", "spec"],
  "Deployment": ["spec", "template", "spec"],
  "Job": ["spec", "template", "spec"],
  "Pod": ["spec"],
  "PodTemplate": ["template", "spec"],
  "ReplicaSet": ["spec", "template", "spec"],
  "ReplicationController": ["spec", "template", "spec"],
  "StatefulSet": ["spec", "template", "spec"],
}

place := places[input.review.object.kind]

spec := objects.written(place)

# The path of a field of that spec, as people write it.
path(field) := concat(".", array.concat(place, [field]))

# The containers of one of the three lists, by their paths.
of(list) := {at: container |
  some index, container in spec[list]
  at := path(sprintf("%s[%d]", [list, index]))
}

containers[at] := container if {
  some list in ["initContainers", "containers", "ephemeralContainers"]
  some at, container in of(list)
}

# What a person calls a container.
name(container) := object.get(container, "name", "(no name)")

# What Linux knows of privileges cannot be said of a pod for Windows: the API server refuses it there.
windows if spec.os.name == "windows"
