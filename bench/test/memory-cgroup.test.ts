// Where memory cgroups can be made, on machines of both kinds.

import { describe, expect, test } from 'vitest'
import { MemoryCgroup, parseCgroupPlaces } from '../src/memory-cgroup.ts'

const version1Mount =
  '31 25 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory'
const version2Mount =
  '26 22 0:24 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate'
const emptyVersion2Mount = '32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw'

describe('memory cgroups', () => {
  test('version-2-groups-are-tried-from-the-own-group-upwards', () => {
    const places = parseCgroupPlaces(`${version2Mount}\n`, '0::/user.slice/session-1.scope\n')
    expect(places).toEqual({
      version: 2,
      directories: [
        '/sys/fs/cgroup/user.slice/session-1.scope',
        '/sys/fs/cgroup/user.slice',
        '/sys/fs/cgroup',
      ],
    })
  })

  test('memory-controller-of-version-1-wins-over-a-version-2-mount-without-it', () => {
    const places = parseCgroupPlaces(
      `${emptyVersion2Mount}\n${version1Mount}\n`,
      '4:memory:/jobs\n3:cpuset:/\n0::/\n',
    )
    expect(places).toEqual({
      version: 1,
      directories: ['/sys/fs/cgroup/memory/jobs', '/sys/fs/cgroup/memory'],
    })
  })

  test('group-at-the-root-is-one-place', () => {
    const places = parseCgroupPlaces(version2Mount, '0::/\n')
    expect(places?.directories).toEqual(['/sys/fs/cgroup'])
  })

  test('no-cgroups-are-no-places-and-no-group', () => {
    const places = parseCgroupPlaces('22 1 8:1 / / rw - ext4 /dev/sda1 rw\n', '0::/\n')
    expect(places).toBeUndefined()
    expect(MemoryCgroup.make(places, 'umap-bench-test', 2 ** 20)).toBeUndefined()
  })
})
