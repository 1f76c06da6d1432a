package baspherehostpaths

import data.lib.pods

violation contains {"msg": msg, "details": {"path": at, "hostPath": directory}} if {
  some index, volume in pods.spec.volumes
  directory := object.get(volume.hostPath, "path", "")
  not is_allowed(volume, directory)
  at := pods.path(sprintf("volumes[%d].hostPath", [index]))
  msg := sprintf("%s: %q is a path of the node%s: use a PersistentVolumeClaim, a ConfigMap or an emptyDir", [at, directory, exceptions])
}

is_allowed(volume, directory) if {
  some entry in input.parameters.paths
  is_below(directory, entry.prefix)
  not goes_up(directory)
  not may_write(entry, volume)
}

is_below(directory, prefix) if directory == prefix

is_below(directory, prefix) if startswith(directory, concat("", [trim_suffix(prefix, "/"), "/"]))

goes_up(directory) if ".." in split(directory, "/")

# A path that may only be read is mounted read-only by every container.
may_write(entry, volume) if {
  object.get(entry, "readOnly", true)
  some container in pods.containers
  some mount in container.volumeMounts
  mount.name == volume.name
  not mount.readOnly == true
}

default exceptions := ""

exceptions := sprintf(", which may have only %s", [concat(", ", listed)]) if count(listed) > 0

listed := [text |
  some entry in input.parameters.paths
  text := concat(" ", [entry.prefix, {true: "read-only", false: "read-write"}[object.get(entry, "readOnly", true)]])
]
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
